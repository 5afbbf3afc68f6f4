"""The exported model's signatures: two ways in, one predict path.

Every output is ``[batch]``, a column of a table. A number is ``prediction``, in label units; those
of several labels are ``prediction_<label>``. Of classes, ``prediction`` names the likeliest, and
there is a ``probability_<class>`` for each.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2

from components.target import PREDICTION, Target


def predict(
    model: tf_keras.Model, raw: Mapping[str, tf.SparseTensor], target: Target
) -> dict[str, tf.Tensor]:
    """The outputs above, from raw columns: transform, then model."""
    transformed = model.transform(raw)
    inputs = {name: transformed[name] for name in model.input_names}
    predicted = model(inputs, training=False)
    if len(target.classes) == 2:
        predicted = tf.concat([1.0 - predicted, predicted], axis=1)
    numbers = dict(zip(target.numbers, tf.unstack(predicted, axis=1), strict=True))
    if not target.classes:
        return numbers
    likeliest = tf.gather(tf.constant(target.classes), tf.argmax(predicted, axis=1))
    return {PREDICTION: likeliest, **numbers}


def outputs(saved_model: Path) -> set[str]:
    """Names of what a SavedModel answers, read without loading it."""
    proto = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    return set(proto.meta_graphs[0].signature_def["serving_default"].outputs)


def signatures(
    model: tf_keras.Model, raw_spec: Mapping[str, Any], target: Target
) -> dict[str, Any]:
    """What the SavedModel answers to; every way in runs transform and model the same way.

    * ``serving_default(examples)``: serialized ``tf.Example``s, string ``[batch]``.
    * ``columns(**columns)``: one ``[batch]`` tensor for each raw column. Numbers are float64, NaN
      where missing; text is a string, empty where missing.

    Both give what ``predict`` does.

    Args:
      model: takes transformed features; its ``transform`` attribute is TFT's layer, attached so
        that it is saved along.
      raw_spec: parsing spec of the raw columns, the label left out.
      target: what the model predicts.
    """

    def answer(raw: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
        return predict(model, raw, target)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(tf.io.parse_example(examples, raw_spec))

    @tf.function(input_signature=[{name: _column(s, name) for name, s in raw_spec.items()}])
    def columns(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return answer({name: _sparse(columns[name], spec.dtype) for name, spec in raw_spec.items()})

    return {"serving_default": serving_default, "columns": columns}


def _column(spec: Any, name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string if spec.dtype == tf.string else tf.float64, name=name)


def _sparse(column: tf.Tensor, dtype: tf.DType) -> tf.SparseTensor:
    """``[batch, 1]``, with an entry only where ``column`` has a value."""
    if dtype == tf.string:
        present = tf.not_equal(column, "")
    else:
        present = tf.logical_not(tf.math.is_nan(column))
    rows = tf.where(present)
    return tf.SparseTensor(
        indices=tf.concat([rows, tf.zeros_like(rows)], axis=1),
        values=tf.cast(tf.boolean_mask(column, present), dtype),
        dense_shape=tf.stack([tf.size(column, tf.int64), 1]),
    )
