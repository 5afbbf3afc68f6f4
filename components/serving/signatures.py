"""The exported model's signatures: two forms of input, the same outputs.

Every output has the shape ``[batch]``. In a regression, ``prediction`` is a number in the units of
the label; with several labels, each has an output ``prediction_<label>`` instead. In a
classification, ``prediction`` is the name of the most probable class, or of the one that the
threshold of ``contracts.threshold`` decides on, and each class has an output
``probability_<class>``.
"""

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from huberflow.components.contracts.target import PREDICTION, Target
from huberflow.components.serving.argument_names import keywords, traced_names

Spec: TypeAlias = Mapping[str, tf.io.VarLenFeature]
"""How to parse the columns of a ``tf.Example`` of the data."""

EXACT = 2**53
"""A float64 from here on may stand for several whole numbers."""

MISSING_WHOLE = tf.int64.min
"""In place of a whole number, for int64 has no NaN."""

Signatures: TypeAlias = Mapping[str, Callable[..., Mapping[str, tf.Tensor]]]
"""The functions of the signatures, by name."""


def predict(
    model: tf_keras.Model,
    raw: Mapping[str, tf.SparseTensor],
    target: Target,
    threshold: float | None = None,
) -> dict[str, tf.Tensor]:
    """The outputs for columns of the data: runs the transform, then the model.

    With a ``threshold``, the second of two classes is answered from this probability on.
    """
    transformed = model.transform(raw)
    inputs = {name: transformed[name] for name in model.input_names}
    predicted = model(inputs, training=False)
    if len(target.classes) == 2:
        predicted = tf.concat([1.0 - predicted, predicted], axis=1)
    numbers = dict(zip(target.number_outputs, tf.unstack(predicted, axis=1), strict=True))
    if not target.classes:
        return numbers
    likeliest = tf.argmax(predicted, axis=1)
    place = likeliest if threshold is None else tf.cast(predicted[:, 1] >= threshold, tf.int64)
    return {PREDICTION: tf.gather(tf.constant(target.classes), place), **numbers}


def output_names(saved_model: Path) -> set[str]:
    """The outputs of ``serving_default``; the model is not loaded."""
    graph = read_saved_model(saved_model).meta_graphs[0]
    return set(graph.signature_def["serving_default"].outputs)


def read_saved_model(saved_model: Path) -> saved_model_pb2.SavedModel:
    """The protobuf of a SavedModel, without its variables."""
    return saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())


def signatures(
    model: tf_keras.Model,
    raw_spec: Spec,
    target: Target,
    exact: Collection[str] = (),
    threshold: float | None = None,
) -> Signatures:
    """The signatures of the SavedModel; both run transform and model in the same way.

    * ``serving_default(examples)``: serialized ``tf.Example``s, string ``[batch]``.
    * ``columns(**columns)``: one ``[batch]`` tensor for each raw column. Numbers are float64, NaN
      where missing; text is a string, empty where missing; the columns in ``exact`` are int64,
      ``MISSING_WHOLE`` where missing.

    Both return the outputs of ``predict``. Call ``name_columns`` after the model is saved.

    Args:
      model: its inputs are transformed features; its attribute ``transform`` is TFT's layer, which
        is saved with the model.
      raw_spec: parsing spec of the raw columns, without the label.
      target: what the model predicts.
      exact: columns of whole numbers, some of which a float64 cannot be.
      threshold: see ``predict``.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return predict(model, tf.io.parse_example(examples, raw_spec), target, threshold)

    argument = traced_names(raw_spec)

    @tf.function(
        input_signature=[
            {argument[n]: _column(s, argument[n], n in exact) for n, s in raw_spec.items()}
        ]
    )
    def columns(columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        raw = {n: _sparse(columns[argument[n]], spec.dtype) for n, spec in raw_spec.items()}
        return predict(model, raw, target, threshold)

    return {"serving_default": serving_default, "columns": columns}


def name_columns(saved_model: Path, columns: Collection[str]) -> None:
    """Renames the inputs of the signature ``columns`` to the columns' names in a saved model.

    TensorFlow cannot trace an argument called ``Ship Mode`` or ``class``, but servers take any name
    of an input.

    Args:
      saved_model: written with ``signatures``.
      columns: the names in its ``raw_spec``.
    """
    names = renamed_arguments(columns)
    if not names:
        return
    proto = read_saved_model(saved_model)
    (graph,) = proto.meta_graphs
    inputs = graph.signature_def["columns"].inputs
    for argument, name in names.items():
        inputs[name].CopyFrom(inputs[argument])
        del inputs[argument]
    keyword_of = keywords(columns)
    for node in graph.object_graph_def.nodes:
        if node.HasField("bare_concrete_function"):
            words = node.bare_concrete_function.argument_keywords
            words[:] = [keyword_of[names[word]] if word in names else word for word in words]
    (saved_model / "saved_model.pb").write_bytes(proto.SerializeToString(deterministic=True))
    fingerprinting_utils.write_fingerprint(str(saved_model))


def renamed_arguments(columns: Collection[str]) -> dict[str, str]:
    """The columns' names for the arguments that ``name_columns`` renames."""
    return {argument: name for name, argument in traced_names(columns).items() if argument != name}


def dense_columns(
    raw: Mapping[str, tf.SparseTensor], exact: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """Parsed columns as the signature ``columns`` takes them; see ``signatures``."""
    return {name: _dense(column, name in exact).numpy() for name, column in raw.items()}


def _dense(column: tf.SparseTensor, exact: bool) -> tf.Tensor:
    """``[batch]``, the first value of each row; the inverse of ``_sparse``."""
    first = tf.sparse.slice(column, [0, 0], [column.dense_shape[0], 1])
    if column.dtype == tf.string:
        return tf.sparse.to_dense(first, "")[:, 0]
    if exact:
        return tf.sparse.to_dense(first, MISSING_WHOLE)[:, 0]
    numbers = tf.SparseTensor(first.indices, tf.cast(first.values, tf.float64), first.dense_shape)
    return tf.sparse.to_dense(numbers, math.nan)[:, 0]


def _column(spec: tf.io.VarLenFeature, name: str, exact: bool) -> tf.TensorSpec:
    as_stored = spec.dtype == tf.string or exact
    return tf.TensorSpec([None], spec.dtype if as_stored else tf.float64, name=name)


def _sparse(column: tf.Tensor, dtype: tf.DType) -> tf.SparseTensor:
    """``[batch, 1]``, with an entry only where ``column`` has a value."""
    if dtype == tf.string:
        present = tf.not_equal(column, "")
    elif column.dtype == tf.int64:
        present = tf.not_equal(column, MISSING_WHOLE)
    else:
        present = tf.logical_not(tf.math.is_nan(column))
    rows = tf.where(present)
    return tf.SparseTensor(
        indices=tf.concat([rows, tf.zeros_like(rows)], axis=1),
        values=tf.cast(tf.boolean_mask(column, present), dtype),
        dense_shape=tf.stack([tf.size(column, tf.int64), 1]),
    )
