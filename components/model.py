"""The model: embeddings for categories, dense layers, one number out."""

from collections.abc import Mapping
from typing import Any

import tf_keras

from components.features import INDICES, NUMBERS
from custom_objects import registry


def build_model(
    model: Mapping[str, Any],
    *,
    numbers: int,
    categories: int,
    table_rows: int,
    output_bias: float = 0.0,
) -> tf_keras.Model:
    """An uncompiled functional model over the tensors of ``components.features``.

    Args:
      model: hidden_units, embedding_dimension, and the objects by name: activation, initializer,
        regularizer, constraint, activity_regularization, metric_logging.
      numbers: width of ``numbers``; 0 for none.
      categories: width of ``indices``; 0 for none.
      table_rows: rows of the embedding table.
      output_bias: where predictions start; the label's median saves many steps.

    Returns:
      A model from a dict of inputs to a float32 ``[batch, 1]`` prediction.
    """
    inputs, parts = {}, []
    if numbers:
        inputs[NUMBERS] = tf_keras.Input((numbers,), name=NUMBERS)
        parts.append(inputs[NUMBERS])
    if categories:
        inputs[INDICES] = tf_keras.Input((categories,), name=INDICES, dtype="int64")
        embedding = tf_keras.layers.Embedding(table_rows, model["embedding_dimension"])
        parts.append(tf_keras.layers.Flatten()(embedding(inputs[INDICES])))
    hidden = tf_keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
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
    return tf_keras.Model(inputs, prediction)


def _dense(units: int, model: Mapping[str, Any]) -> tf_keras.layers.Dense:
    return tf_keras.layers.Dense(
        units,
        activation=registry.build_choice("activation", model["activation"]),
        kernel_initializer=registry.build_choice("initializer", model["initializer"]),
        kernel_regularizer=registry.build_choice("regularizer", model["regularizer"]),
        kernel_constraint=registry.build_choice("constraint", model["constraint"]),
    )
