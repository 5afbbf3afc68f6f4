"""The exported model's signatures: two ways in, one predict path."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

PREDICTION = "prediction"


def predict(model: tf_keras.Model, raw: Mapping[str, tf.SparseTensor]) -> tf.Tensor:
    """Predictions in label units, ``[batch]``, from raw columns: transform, then model."""
    transformed = model.transform(raw)
    inputs = {name: transformed[name] for name in model.input_names}
    return tf.squeeze(model(inputs, training=False), axis=-1)


def signatures(model: tf_keras.Model, raw_spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the SavedModel answers to; every way in runs transform and model the same way.

    * ``serving_default(examples)``: serialized ``tf.Example``s, string ``[batch]``.
    * ``columns(**columns)``: one ``[batch]`` tensor for each raw column. Numbers are float64, NaN
      where missing; text is a string, empty where missing.

    Both give ``{"prediction": float32 [batch]}``, in label units.

    Args:
      model: takes transformed features; its ``transform`` attribute is TFT's layer, attached so
        that it is saved along.
      raw_spec: parsing spec of the raw columns, the label left out.
    """

    def answer(raw: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:
        return {PREDICTION: predict(model, raw)}

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
