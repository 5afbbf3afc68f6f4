"""The model: embeddings for categories, dense layers, one number out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras

from components.features import INDICES, NUMBERS
from custom_objects import registry


@dataclass(frozen=True)
class LabelScale:
    """How the network's output becomes a prediction in label units."""

    middle: float = 0.0
    """Where predictions start: the label's median saves many steps."""
    deviation: float | None = None
    """What 1 of the output is; None where the output is in label units itself."""
    logarithmic: bool = False
    """Both are of log(1 + label)."""


PLAIN = LabelScale()


def build_model(
    model: Mapping[str, Any],
    *,
    numbers: int,
    categories: int,
    table_rows: int,
    label_scale: LabelScale = PLAIN,
) -> tf_keras.Model:
    """An uncompiled functional model over the tensors of ``components.features``.

    Args:
      model: hidden_units, embedding_dimension, and the objects by name: activation, initializer,
        regularizer, constraint, activity_regularization, metric_logging.
      numbers: width of ``numbers``; 0 for none.
      categories: width of ``indices``; 0 for none.
      table_rows: rows of the embedding table.
      label_scale: where predictions start, and in which units the network thinks.

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
    return tf_keras.Model(inputs, _prediction(hidden, label_scale))


def _prediction(hidden: tf.Tensor, scale: LabelScale) -> tf.Tensor:
    """In label units; float32 also under mixed precision, for the loss needs the digits."""
    bias = scale.middle if scale.deviation is None else 0.0
    prediction = tf_keras.layers.Dense(
        1,
        name="prediction",
        dtype="float32",
        bias_initializer=tf_keras.initializers.Constant(bias),
    )(hidden)
    if scale.deviation is not None:
        rescale = tf_keras.layers.Rescaling(
            scale.deviation, scale.middle, name="label_units", dtype="float32"
        )
        prediction = rescale(prediction)
    return tf.math.expm1(prediction) if scale.logarithmic else prediction


def _dense(units: int, model: Mapping[str, Any]) -> tf_keras.layers.Dense:
    return tf_keras.layers.Dense(
        units,
        activation=registry.build_choice("activation", model["activation"]),
        kernel_initializer=registry.build_choice("initializer", model["initializer"]),
        kernel_regularizer=registry.build_choice("regularizer", model["regularizer"]),
        kernel_constraint=registry.build_choice("constraint", model["constraint"]),
    )
