"""Golden values: a trained model's values for some rows, and how far a reload may be off."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import reload
from huberflow.components.contracts.features import PREDICTION_LAYER
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import is_labelled, truth
from huberflow.components.serving import signatures
from huberflow.components.serving.signatures import Spec
from huberflow.custom_objects.input_error import InputError

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Golden:
    """Rows, and the model's values for them."""

    examples: list[bytes]
    """Serialized ``tf.Example``s, each with a label."""
    inputs: Arrays
    """The rows, transformed."""
    label: np.ndarray
    """``[rows]``; with several labels ``[rows, labels]``."""
    values: Arrays
    """The values that ``reload.check`` compares; see ``huberflow.components.bundle.bundle``."""
    tolerances: reload.Tolerances
    """How far each value may be off, for each precision."""
    machine: reload.Machine
    """The machine that computed them."""


def golden_values(
    model: tf_keras.Model, examples: Sequence[bytes], spec: Spec, target: Target
) -> Golden:
    """Computes the model's values for these rows, and leaves the model as it was.

    Each row counts the same: weights are not part of the model.

    Raises:
      InputError: no row has a label.
    """
    if model.distribute_strategy.num_replicas_in_sync > 1:
        model = _on_one_device(model)
    rows, raw, labels = _labelled(examples, spec, target)
    transformed = model.transform(raw)
    inputs = {name: _dense(transformed[name]) for name in model.input_names}
    features = {name: each for name, each in spec.items() if name not in target.labels}
    serve = signatures.signatures(model, features, target)["serving_default"]
    with reload.deterministic_sums():
        # The name of the likeliest class follows from its probability, and is not compared.
        served = {name: each for name, each in serve(rows).items() if each.dtype != tf.string}
        values = {
            **{f"serving/{name}": each.numpy() for name, each in served.items()},
            **reload.model_values(model, inputs, labels),
        }
        with _unchanged(model):
            values["steps"] = reload.step_losses(model, inputs, labels)
        probabilities = values["model/prediction"] if target.classes else None
        tolerances = _tolerances(values, _shifted(model, inputs, labels, probabilities))
    machine = reload.machine(reload.device_of(model, inputs))
    return Golden(rows.numpy().tolist(), inputs, labels, values, tolerances, machine)


def _on_one_device(model: tf_keras.Model) -> tf_keras.Model:
    """A copy without the strategy, under which each device sees only some of the rows."""

    def cloned(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        return layer if layer is model.transform else type(layer).from_config(layer.get_config())

    copy = tf_keras.models.clone_model(model, clone_function=cloned)
    copy.set_weights(model.get_weights())
    copy.compile_from_config(model.get_compile_config())
    copy.transform = model.transform
    pairs = zip(reload.optimizer_variables(copy), reload.optimizer_variables(model), strict=True)
    for copied, original in pairs:
        copied.assign(original.numpy())
    return copy


def _labelled(
    examples: Sequence[bytes], spec: Spec, target: Target
) -> tuple[tf.Tensor, dict[str, tf.SparseTensor], np.ndarray]:
    """The rows with a label; their raw columns; their labels, ``[rows]`` of one as in training.

    Labels of another rank would change the model's later values: Keras then traces it again, for
    labels of any rank, and no longer aligns them with the predictions.
    """
    rows = tf.constant(examples, tf.string)
    labels = truth(tf.io.parse_example(rows, spec), target)
    present = is_labelled(labels).numpy()
    if not present.any():
        raise InputError("examples", expected=f"rows with {target.name}", received="none")
    rows = tf.boolean_mask(rows, present)
    raw = tf.io.parse_example(rows, spec)
    for label in target.labels:
        del raw[label]
    return rows, raw, labels.numpy()[present]


def _dense(column: tf.Tensor | tf.SparseTensor) -> np.ndarray:
    return (tf.sparse.to_dense(column) if isinstance(column, tf.SparseTensor) else column).numpy()


@contextmanager
def _unchanged(model: tf_keras.Model) -> Iterator[None]:
    """Restores the model's and the optimizer's variables after the block."""
    variables = [*model.variables, *reload.optimizer_variables(model)]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        model.reset_metrics()


# Relative to the largest prediction. A float32 has 24 bits of mantissa, TF32 and float16 have 11:
# room for some hundred roundings of the first kind, some ten of the others.
_ROUNDING = {"float32": 1e-5, "tf32": 5e-3, "mixed_float16": 1e-2}
_CHOSEN = (
    f"Absolute. A prediction may be off by this share of the largest one: {json.dumps(_ROUNDING)}. "
    "A loss or metric may be off by the same share of its largest value, and twice as much as it "
    "moves where all labels move by what a prediction may be off, or, of classes, where the logits "
    "move by this share of the largest one; the steps by twice the loss. "
    "same_machine: processor, threads, device and versions are equal."
)


def _shifted(
    model: tf_keras.Model, inputs: Arrays, labels: np.ndarray, probabilities: np.ndarray | None
) -> Callable[[float], Arrays]:
    """A function of an offset: the model's values with all predictions off by it; see ``_CHOSEN``.

    Numbers are off by the offset itself, logits of classes by this share of the largest one.
    """
    if probabilities is None:
        # A loss depends on the difference, so that the labels may move instead.
        return lambda offset: reload.model_values(model, inputs, labels + offset)
    bias = model.get_layer(PREDICTION_LAYER).bias
    before, largest = bias.numpy(), _largest(np.log(np.maximum(probabilities, 1e-7)))
    # A softmax is the same where all logits move alike.
    direction = np.resize([largest, -largest], before.shape)

    def shifted_values(offset: float) -> Arrays:
        bias.assign(before + offset * direction)
        try:
            return reload.model_values(model, inputs, labels)
        finally:
            bias.assign(before)

    return shifted_values


def _tolerances(values: Arrays, shifted_values: Callable[[float], Arrays]) -> reload.Tolerances:
    def allowed(rounding: float) -> dict[str, float]:
        offset = rounding * _largest(values["model/prediction"])
        shifted = [shifted_values(offset), shifted_values(-offset)]
        tolerances = {
            name: rounding * _largest(value)
            + 2 * max(_largest(each.get(name, value) - value) for each in shifted)
            for name, value in values.items()
        }
        # The probabilities of a rare class are small; their rounding is that of the others.
        tolerances |= {
            name: tolerances["model/prediction"] for name in values if _PROBABILITY in name
        }
        return {**tolerances, "steps": 2 * tolerances["model/loss"]}

    return {
        "chosen": _CHOSEN,
        "same_machine": 0,
        "float32": allowed(_ROUNDING["float32"]),
        "tf32": allowed(_ROUNDING["tf32"]),
        "mixed_float16": allowed(_ROUNDING["mixed_float16"]),
    }


_PROBABILITY = "serving/probability_"


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values)))
