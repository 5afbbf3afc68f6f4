"""What a trained model gives for some rows, and how far another machine may be off."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import reload
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import is_labelled, truth
from huberflow.components.serving import signatures
from huberflow.components.training.model import PREDICTION


@dataclass(frozen=True)
class Golden:
    """Rows, and what the model gave for them."""

    examples: list[bytes]
    """Serialized ``tf.Example``s, each with a label."""
    inputs: Mapping[str, np.ndarray]
    """The rows, transformed."""
    label: np.ndarray
    """``[rows]``; of several labels ``[rows, labels]``."""
    values: Mapping[str, np.ndarray]
    """What ``reload.check`` compares, by name; see ``huberflow.components.bundle.bundle``."""
    tolerances: Mapping[str, Any]
    """By how much each value may differ, for each precision."""
    machine: Mapping[str, Any]
    """Where they were computed."""


def of(
    model: tf_keras.Model, examples: Sequence[bytes], spec: Mapping[str, Any], target: Target
) -> Golden:
    """Asks the model for its values on these rows, and leaves it as it was.

    Each row counts alike: weights are no part of the model, which is what is to be compared.

    Raises:
      ValueError: no row has a label.
    """
    if model.distribute_strategy.num_replicas_in_sync > 1:
        model = _on_one_device(model)
    kept, raw, labels = _labelled(examples, spec, target)
    transformed = model.transform(raw)
    inputs = {name: _dense(transformed[name]) for name in model.input_names}
    features = {name: each for name, each in spec.items() if name not in target.labels}
    serve = signatures.signatures(model, features, target)["serving_default"]
    with reload.sums_as_written():
        # The name of a class follows from its probability, and is compared nowhere.
        served = {name: each for name, each in serve(kept).items() if each.dtype != tf.string}
        values = {
            **{f"serving/{name}": each.numpy() for name, each in served.items()},
            **reload.measured(model, inputs, labels),
        }
        with _unchanged(model):
            values["steps"] = reload.steps(model, inputs, labels)
        predicted = values["model/prediction"] if target.classes else None
        tolerances = _tolerances(values, _moved(model, inputs, labels, predicted))
    machine = reload.machine(reload.device_of(model, inputs))
    return Golden(kept.numpy().tolist(), inputs, labels, values, tolerances, machine)


def _on_one_device(model: tf_keras.Model) -> tf_keras.Model:
    """A twin without the strategy, under which each device sees a part of the rows only."""

    def cloned(layer: Any) -> Any:
        return layer if layer is model.transform else type(layer).from_config(layer.get_config())

    twin = tf_keras.models.clone_model(model, clone_function=cloned)
    twin.set_weights(model.get_weights())
    twin.compile_from_config(model.get_compile_config())
    twin.transform = model.transform
    pairs = zip(reload.optimizer_variables(twin), reload.optimizer_variables(model), strict=True)
    for mine, theirs in pairs:
        mine.assign(theirs.numpy())
    return twin


def _labelled(
    examples: Sequence[bytes], spec: Mapping[str, Any], target: Target
) -> tuple[tf.Tensor, dict[str, Any], np.ndarray]:
    """The rows with a label; the same parsed; their labels as in training, ``[rows]`` of one.

    Of another rank they would change what a model does later: Keras then traces it anew, for labels
    of any rank, and no longer lines them up with the predictions.
    """
    rows = tf.constant(examples, tf.string)
    labels = truth(tf.io.parse_example(rows, spec), target)
    present = is_labelled(labels).numpy()
    if not present.any():
        raise ValueError(f"examples: expected rows with {target.name}, received none")
    kept = tf.boolean_mask(rows, present)
    raw = tf.io.parse_example(kept, spec)
    for label in target.labels:
        del raw[label]
    return kept, raw, labels.numpy()[present]


def _dense(column: Any) -> np.ndarray:
    return (tf.sparse.to_dense(column) if isinstance(column, tf.SparseTensor) else column).numpy()


@contextmanager
def _unchanged(model: tf_keras.Model) -> Iterator[None]:
    """Whatever is learned inside is forgotten."""
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


def _moved(
    model: tf_keras.Model,
    inputs: Mapping[str, np.ndarray],
    labels: np.ndarray,
    probabilities: np.ndarray | None,
) -> Callable[[float], Mapping[str, np.ndarray]]:
    """What the model gives, all predictions off by so much: see ``_CHOSEN``."""
    if probabilities is None:
        # To a loss of the difference it is the same.
        return lambda off: reload.measured(model, inputs, labels + off)
    bias = model.get_layer(PREDICTION).bias
    before, largest = bias.numpy(), _largest(np.log(np.maximum(probabilities, 1e-7)))
    # To move all logits of a softmax alike would change nothing.
    direction = np.resize([largest, -largest], before.shape)

    def measured(off: float) -> Mapping[str, np.ndarray]:
        bias.assign(before + off * direction)
        try:
            return reload.measured(model, inputs, labels)
        finally:
            bias.assign(before)

    return measured


def _tolerances(
    values: Mapping[str, np.ndarray], measured: Callable[[float], Mapping[str, np.ndarray]]
) -> dict[str, Any]:
    """For each precision and each of ``values``, by how much it may differ elsewhere.

    Args:
      values: what the model gives.
      measured: the same with all predictions off by so much.
    """
    tolerances: dict[str, Any] = {"chosen": _CHOSEN, "same_machine": 0}
    for precision, rounding in _ROUNDING.items():
        off = rounding * _largest(values["model/prediction"])
        moved = [measured(off), measured(-off)]
        allowed = {
            name: rounding * _largest(value)
            + 2 * max(_largest(each.get(name, value) - value) for each in moved)
            for name, value in values.items()
        }
        # Of a rare class the largest is small, and its rounding is that of the others.
        allowed |= {name: allowed["model/prediction"] for name in values if _PROBABILITY in name}
        tolerances[precision] = {**allowed, "steps": 2 * allowed["model/loss"]}
    return tolerances


_PROBABILITY = "serving/probability_"


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values)))
