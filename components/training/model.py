"""The model: embeddings for categories, dense layers, the prediction; or the user's network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf
import tf_keras

from huberflow.components.contracts.features import INDICES, NUMBERS
from huberflow.custom_objects import registry


@dataclass(frozen=True)
class LabelScale:
    """How the network's output becomes a prediction in label units."""

    middle: float | list[float] = 0.0
    """Where predictions start: the label's median saves many steps. Of several labels, of each."""
    deviation: float | list[float] | None = None
    """What 1 of the output is; None where the output is in label units itself."""
    logarithmic: bool = False
    """Both are of log(1 + label)."""


PLAIN = LabelScale()

PREDICTION = "prediction"
"""The layer that gives the outputs."""


@dataclass(frozen=True)
class Ends:
    """Where a network begins and ends: what the data, and not its author, decide of it."""

    numbers: int
    """Width of ``numbers``; 0 for none."""
    categories: int
    """Width of ``indices``; 0 for none."""
    table_rows: int
    """How many different values ``indices`` have, over all columns."""
    prediction: Callable[[tf.Tensor], tf.Tensor]
    """The last layer, over any ``[batch, width]``: a float32 ``[batch, outputs]``, numbers in label
    units or probabilities."""

    def inputs(self) -> dict[str, tf.Tensor]:
        """The Keras inputs by name, of the tensors of ``contracts.features``; one at least."""
        inputs = {}
        if self.numbers:
            inputs[NUMBERS] = tf_keras.Input((self.numbers,), name=NUMBERS)
        if self.categories:
            inputs[INDICES] = tf_keras.Input((self.categories,), name=INDICES, dtype="int64")
        return inputs


Build = Callable[[Ends, Mapping[str, Any]], tf_keras.Model]


def build_model(
    model: Mapping[str, Any],
    *,
    numbers: int,
    categories: int,
    table_rows: int,
    outputs: int = 1,
    activation: str = "linear",
    label_scale: LabelScale = PLAIN,
    build: Build | None = None,
) -> tf_keras.Model:
    """An uncompiled functional model over the tensors of ``components.contracts.features``.

    Args:
      model: hidden_units, embedding_dimension, and the objects by name: activation, initializer,
        regularizer, constraint, activity_regularization, metric_logging.
      numbers: width of ``numbers``; 0 for none.
      categories: width of ``indices``; 0 for none.
      table_rows: rows of the embedding table.
      outputs: numbers that it gives for a row.
      activation: of these: sigmoid or softmax make them probabilities.
      label_scale: where predictions start, and in which units the network thinks.
      build: what makes the network of these ``Ends`` and of ``model``, in place of ours; it
        returns ``tf_keras.Model(ends.inputs(), ends.prediction(hidden))``, with what it likes
        between the two. ``huberflow.components.objects.network_trial`` holds it to that.

    Returns:
      A model from a dict of inputs to a float32 ``[batch, outputs]`` prediction.
    """
    last = partial(_prediction, outputs=outputs, activation=activation, scale=label_scale)
    ends = Ends(numbers, categories, table_rows, last)
    return (build or _dense_network)(ends, model)


def _dense_network(ends: Ends, model: Mapping[str, Any]) -> tf_keras.Model:
    inputs, parts = ends.inputs(), []
    if NUMBERS in inputs:
        parts.append(inputs[NUMBERS])
    if INDICES in inputs:
        embedding = tf_keras.layers.Embedding(ends.table_rows, model["embedding_dimension"])
        parts.append(tf_keras.layers.Flatten()(embedding(inputs[INDICES])))
    hidden = tf_keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in model["hidden_units"]:
        hidden = _dense(units, model)(hidden)
    if model["activity_regularization"] is not None:
        hidden = registry.build_choice("layer", model["activity_regularization"])(hidden)
    if model["metric_logging"]:
        hidden = registry.build("layer", "MetricLoggingLayer", {})(hidden)
    return tf_keras.Model(inputs, ends.prediction(hidden))


def _prediction(hidden: tf.Tensor, outputs: int, activation: str, scale: LabelScale) -> tf.Tensor:
    """In label units; float32 also under mixed precision, for the loss needs the digits."""
    bias = scale.middle if scale.deviation is None else 0.0
    prediction = tf_keras.layers.Dense(
        outputs,
        activation=activation,
        name=PREDICTION,
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
