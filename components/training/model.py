"""The model: embeddings for categories, dense layers, the prediction; or a custom network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import tensorflow as tf
import tf_keras

from huberflow.components.contracts.features import INDICES, NUMBERS, PREDICTION_LAYER
from huberflow.components.contracts.model_config import ModelConfig
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue
from huberflow.custom_objects.json_record import JSON


@dataclass(frozen=True)
class LabelScale:
    """How the network's output becomes a prediction in label units."""

    middle: float | list[float] = 0.0
    """Where predictions start; for several labels, a value for each."""
    deviation: float | list[float] | None = None
    """What 1 of the output is; None where the output is in label units itself."""
    logarithmic: bool = False
    """Whether both are of log(1 + label)."""


PLAIN = LabelScale()


@dataclass(frozen=True)
class ModelIO:
    """The inputs and outputs of a network, which follow from the data."""

    numbers: int
    """Width of ``numbers``; 0 for none."""
    categories: int
    """Width of ``indices``; 0 for none."""
    table_rows: int
    """The number of different values in ``indices``, over all columns."""
    prediction: Callable[[tf.Tensor], tf.Tensor]
    """The last layer, over any ``[batch, width]``: a float32 ``[batch, outputs]``, numbers in label
    units or probabilities."""

    def inputs(self) -> dict[str, tf.Tensor]:
        """The Keras inputs by name, one or both tensors of ``contracts.features``."""
        inputs = {}
        if self.numbers:
            inputs[NUMBERS] = tf_keras.Input((self.numbers,), name=NUMBERS)
        if self.categories:
            inputs[INDICES] = tf_keras.Input((self.categories,), name=INDICES, dtype="int64")
        return inputs


Build = Callable[[ModelIO, Mapping[str, JSON]], tf_keras.Model]


def build_model(
    model: ModelConfig,
    *,
    numbers: int,
    categories: int,
    table_rows: int,
    outputs: int = 1,
    activation: str = "linear",
    label_scale: LabelScale = PLAIN,
    build: Build | None = None,
    catalogue: Catalogue = BUILT_IN,
) -> tf_keras.Model:
    """An uncompiled functional model over the tensors of ``components.contracts.features``.

    Args:
      model: the network's layers.
      numbers: width of ``numbers``; 0 for none.
      categories: width of ``indices``; 0 for none.
      table_rows: rows of the embedding table.
      outputs: numbers in the prediction of a row.
      activation: of the outputs: sigmoid or softmax make them probabilities.
      label_scale: where predictions start, and the unit of the network's output.
      build: a custom function that builds the network from a ``ModelIO`` and the fields of
        ``model``; it returns ``tf_keras.Model(io.inputs(), io.prediction(hidden))``.
        ``huberflow.components.objects.network_check`` checks that.
      catalogue: has the objects that ``model`` names.

    Returns:
      A model from a dict of inputs to a float32 ``[batch, outputs]`` prediction.
    """
    last = partial(_prediction, outputs=outputs, activation=activation, scale=label_scale)
    io = ModelIO(numbers, categories, table_rows, last)
    return build(io, model.to_json()) if build else _dense_network(io, model, catalogue)


def _dense_network(io: ModelIO, model: ModelConfig, catalogue: Catalogue) -> tf_keras.Model:
    inputs, columns = io.inputs(), []
    if NUMBERS in inputs:
        columns.append(inputs[NUMBERS])
    if INDICES in inputs:
        embedding = tf_keras.layers.Embedding(io.table_rows, model.embedding_dimension)
        columns.append(tf_keras.layers.Flatten()(embedding(inputs[INDICES])))
    hidden = tf_keras.layers.Concatenate()(columns) if len(columns) > 1 else columns[0]
    for units in model.hidden_units:
        hidden = _dense(units, model, catalogue)(hidden)
    if (layer := model.activity_regularization) is not None:
        hidden = registry.build("layer", layer.name, layer.config, catalogue)(hidden)
    if model.metric_logging:
        hidden = registry.build("layer", "MetricLoggingLayer", {})(hidden)
    return tf_keras.Model(inputs, io.prediction(hidden))


def _prediction(hidden: tf.Tensor, outputs: int, activation: str, scale: LabelScale) -> tf.Tensor:
    """In label units; float32 also under mixed precision, for the loss needs the digits."""
    bias = scale.middle if scale.deviation is None else 0.0
    prediction = tf_keras.layers.Dense(
        outputs,
        activation=activation,
        name=PREDICTION_LAYER,
        dtype="float32",
        bias_initializer=tf_keras.initializers.Constant(bias),
    )(hidden)
    if scale.deviation is not None:
        rescale = tf_keras.layers.Rescaling(
            scale.deviation, scale.middle, name="label_units", dtype="float32"
        )
        prediction = rescale(prediction)
    return tf.math.expm1(prediction) if scale.logarithmic else prediction


def _dense(units: int, model: ModelConfig, catalogue: Catalogue) -> tf_keras.layers.Dense:
    return tf_keras.layers.Dense(
        units,
        activation=registry.build_choice("activation", model.activation, catalogue),
        kernel_initializer=registry.build_choice("initializer", model.initializer, catalogue),
        kernel_regularizer=registry.build_choice("regularizer", model.regularizer, catalogue),
        kernel_constraint=registry.build_choice("constraint", model.constraint, catalogue),
    )
