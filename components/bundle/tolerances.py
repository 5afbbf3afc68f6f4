"""How far a value may be off where another machine computes it."""

import json
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.bundle import reload
from huberflow.components.bundle.fit_rows import Rows

Arrays = Mapping[str, np.ndarray]

# Relative to the largest prediction. A float32 has 24 bits of mantissa, TF32 and float16 have 11,
# bfloat16 has 8: room for some hundred roundings of the first kind, some ten of the others.
_ROUNDING = {"float32": 1e-5, "tf32": 5e-3, "mixed_float16": 1e-2, "mixed_bfloat16": 5e-2}
_CHOSEN = (
    f"Absolute. A prediction may be off by this share of the largest one: {json.dumps(_ROUNDING)}. "
    "A loss or metric may be off by the same share of its largest value, and twice as much as it "
    "moves where all predictions move by what they may be off, or, of probabilities, where the "
    "logits move by this share of the largest one; the steps by twice the loss; a value that the "
    "compiled loss and metrics do not give by 100 times the share. An answer of a signature may be "
    "off by ten times the share of its largest number, of 1 where all lie between 0 and 1. Of text "
    "and whole numbers at most 1 in 100 values may differ, in less precision 5 in 100. "
    "same_machine: processor, threads, device, versions and the choice of kernels are equal."
)


def tolerances(
    model: tf_keras.Model | None, rows: Rows, values: Arrays
) -> reload.layout.Tolerances:
    """How far each value may be off, for each precision.

    Args:
      model: gave the values ``model/…``; None where there are none.
      rows: the rows that it was asked with.
      values: as in ``reload.Golden``.
    """
    moves = _moves(model, rows, values) if model is not None else lambda _: {}

    def allowed(rounding: float) -> dict[str, float]:
        moved = moves(rounding)
        return {name: _allowed(name, values, moved, rounding) for name in values}

    return {
        "chosen": _CHOSEN,
        "same_machine": 0,
        "float32": allowed(_ROUNDING["float32"]),
        "tf32": allowed(_ROUNDING["tf32"]),
        "mixed_float16": allowed(_ROUNDING["mixed_float16"]),
        "mixed_bfloat16": allowed(_ROUNDING["mixed_bfloat16"]),
    }


def _allowed(name: str, values: Arrays, moved: Mapping[str, float], rounding: float) -> float:
    value = values[name]
    if value.dtype.kind != "f":
        return min(1000 * rounding, 0.05)
    if name.startswith("answers/"):
        return 10 * rounding * (1.0 if _is_probability(value) else _largest(value))
    if name == "steps" and "model/loss" in values:
        return 2 * _allowed("model/loss", values, moved, rounding)
    if name in moved:
        return rounding * _largest(value) + 2 * moved[name]
    return rounding * _largest(value) * (1 if _is_prediction(name) else 100)


def _is_prediction(name: str) -> bool:
    return f"{name}/".startswith("model/prediction/")


def _moves(
    model: tf_keras.Model, rows: Rows, values: Arrays
) -> Callable[[float], Mapping[str, float]]:
    """A function of a share: how far values move where the predictions do; see ``_CHOSEN``."""
    predictions = {name: value for name, value in values.items() if _is_prediction(name)}
    evaluated = _evaluation(model, rows)
    before = evaluated(predictions)

    def moves(rounding: float) -> Mapping[str, float]:
        shifted = [
            evaluated({name: _shifted(each, share) for name, each in predictions.items()})
            for share in (rounding, -rounding)
        ]
        return {
            name: max(_largest(after[name] - value) for after in shifted)
            for name, value in before.items()
        }

    return moves


def _evaluation(model: tf_keras.Model, rows: Rows) -> Callable[[Arrays], Arrays]:
    """A function of predictions: the loss and metrics that they give, and probabilities as such."""

    @tf.function
    def evaluate(rows: Mapping[str, tf.Tensor], prediction: tf.Tensor) -> Mapping[str, tf.Tensor]:
        model(rows["inputs"], training=False)  # layers add penalties and metrics
        given = (rows["inputs"], rows["labels"], prediction, rows["sample_weight"])
        model.compute_loss(*given)
        return model.compute_metrics(*given)

    def evaluated(predictions: Arrays) -> Arrays:
        probabilities = {name: each for name, each in predictions.items() if _is_probability(each)}
        own = type(model).test_step is not tf_keras.Model.test_step
        if own or not reload.measuring.has_loss(model, rows.labels):
            return probabilities
        prediction = reload.arrays.nested("model/prediction", predictions)
        model.reset_metrics()
        measured = evaluate(tensors, tf.nest.map_structure(tf.constant, prediction))
        model.reset_metrics()
        return {
            **probabilities,
            **reload.measuring.loss_per_example(model, rows.labels, prediction),
            **{
                f"model/{reload.arrays.escaped(n)}": np.asarray(each)
                for n, each in measured.items()
            },
        }

    tensors = reload.asking.tensors(vars(rows))
    return evaluated


def _is_probability(values: np.ndarray) -> bool:
    return bool(values.dtype.kind == "f" and ((values >= 0) & (values <= 1)).all())


def _shifted(prediction: np.ndarray, share: float) -> np.ndarray:
    """All predictions off by this share of the largest one; of probabilities, their logits."""
    if prediction.dtype.kind != "f":
        return prediction
    if not _is_probability(prediction):
        return prediction + np.asarray(share * _largest(prediction), prediction.dtype)
    logarithm = np.log(np.maximum(prediction, _SMALLEST))
    offset = share * _largest(logarithm)
    if prediction.shape[-1] > 1 and np.allclose(prediction.sum(axis=-1), 1, atol=1e-2):
        # A softmax is the same where all logits move alike.
        odds = np.exp(logarithm + np.resize([offset, -offset], prediction.shape[-1:]))
        return (odds / odds.sum(axis=-1, keepdims=True)).astype(prediction.dtype)
    logits = logarithm - np.log(np.maximum(1 - prediction, _SMALLEST))
    return (1 / (1 + np.exp(-logits - offset))).astype(prediction.dtype)


_SMALLEST = 1e-7
"""What Keras takes a probability of 0 for."""


def _largest(values: np.ndarray) -> float:
    finite = np.nan_to_num(np.asarray(values, np.float64), posinf=0, neginf=0)
    return float(np.max(np.abs(finite), initial=0.0))
