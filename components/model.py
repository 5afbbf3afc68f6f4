"""The model: embeddings for categories, dense layers, one number out."""

from collections.abc import Mapping, Sequence
from typing import Any

import tf_keras

from components import features as names
from custom_objects import registry


def build_model(
    model: Mapping[str, Any],
    features: Mapping[str, Any],
    vocabulary_sizes: Mapping[str, int],
    output_bias: float = 0.0,
) -> tf_keras.Model:
    """An uncompiled functional model over transformed features.

    Args:
      model: hidden_units, embedding_dimension, and the objects by name: activation, initializer,
        regularizer, constraint, activity_regularization, metric_logging.
      features: see ``components.features``.
      vocabulary_sizes: known values of each categorical column, the unknown's place included.
      output_bias: where predictions start; the label's median saves many steps.

    Returns:
      A model from a dict of ``[batch, 1]`` inputs to a float32 ``[batch, 1]`` prediction.
    """
    numbers = {name: tf_keras.Input((1,), name=name) for name in names.dense_names(features)}
    indices = {
        column: tf_keras.Input((1,), name=names.index(column), dtype="int64")
        for column in features["categorical"]
    }
    embedded = [
        _embedding(column, vocabulary_sizes[column], model["embedding_dimension"])(tensor)
        for column, tensor in indices.items()
    ]
    hidden = _joined([*numbers.values(), *embedded])
    for units in model["hidden_units"]:
        hidden = _dense(units, model)(hidden)
    if model["activity_regularization"] is not None:
        hidden = registry.build_choice("layer", model["activity_regularization"])(hidden)
    if model["metric_logging"]:
        hidden = registry.build("layer", "MetricLoggingLayer", {})(hidden)
    # float32 also under mixed precision: the loss needs the digits.
    prediction = tf_keras.layers.Dense(
        1,
        name="prediction",
        dtype="float32",
        bias_initializer=tf_keras.initializers.Constant(output_bias),
    )(hidden)
    return tf_keras.Model({**numbers, **_by_name(indices.values())}, prediction)


def _embedding(column: str, size: int, dimension: int) -> tf_keras.Sequential:
    """One row for missing, one for each known value, one for the unknown."""
    return tf_keras.Sequential(
        [tf_keras.layers.Embedding(size + 1, dimension), tf_keras.layers.Flatten()],
        name=f"{column}_embedding",
    )


def _dense(units: int, model: Mapping[str, Any]) -> tf_keras.layers.Dense:
    return tf_keras.layers.Dense(
        units,
        activation=registry.build_choice("activation", model["activation"]),
        kernel_initializer=registry.build_choice("initializer", model["initializer"]),
        kernel_regularizer=registry.build_choice("regularizer", model["regularizer"]),
        kernel_constraint=registry.build_choice("constraint", model["constraint"]),
    )


def _joined(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tf_keras.layers.Concatenate()(tensors)


def _by_name(inputs: Any) -> dict[str, Any]:
    return {tensor.node.layer.name: tensor for tensor in inputs}
