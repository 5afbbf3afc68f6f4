"""Chooses the probability from which on a binary model answers its second class."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.contracts.threshold import Threshold, ThresholdAim
from huberflow.custom_objects.input_error import InputError

_OTHER = {"precision": "recall", "recall": "precision"}


def chosen_threshold(
    model: tf_keras.Model, rows: tf.data.Dataset, class_name: str, asked: ThresholdAim
) -> Threshold:
    """The threshold that serves the aim best on these rows.

    Args:
      model: trained; its output is the probability of the second class.
      rows: blocks of validation rows: features, truth, and perhaps weights.
      class_name: the second class.
      asked: the aim.

    Raises:
      InputError: no threshold reaches what is asked for, or the rows are of one class.
    """
    columns = zip(*_predicted(model, rows), strict=True)
    truth, probabilities, weights = map(np.concatenate, columns)
    return best_threshold(truth, probabilities, weights, class_name, asked)


def _predicted(
    model: tf_keras.Model, rows: tf.data.Dataset
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for features, truth, *weight in rows:
        found = model(features, training=False).numpy()[:, 0]
        yield truth.numpy(), found, weight[0].numpy() if weight else np.ones(len(found))


def best_threshold(
    truth: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray,
    class_name: str,
    asked: ThresholdAim,
) -> Threshold:
    """See ``chosen_threshold``; a threshold lies between two probabilities of rows.

    Of equally good thresholds, the largest.

    Args:
      truth: 1 for rows of the second class, 0 for others.
      probabilities: of the second class, float32.
      weights: how much each row counts.
      class_name: the second class.
      asked: the aim.
    """
    order = np.argsort(-probabilities, kind="stable")
    right = np.cumsum((weights * truth)[order], dtype=np.float64)
    wrong = np.cumsum((weights * (1 - truth))[order], dtype=np.float64)
    if not (right[-1] and wrong[-1]):
        raise InputError(
            "model.threshold",
            expected="validation rows of both classes",
            received="rows of one",
            write="--set data.splits.validation=2",
            hint="make the share of validation rows larger",
        )
    falling = probabilities[order]
    # Rows of one probability are on one side of every threshold.
    last = np.flatnonzero(np.diff(falling, append=-1.0) < 0)
    right, wrong, least = right[last], wrong[last], falling[last]
    values = {
        "precision": right / (right + wrong),
        "recall": right / right[-1],
        "f1": 2 * right / (right + wrong + right[-1]),
        "balanced_accuracy": (right / right[-1] + 1 - wrong / wrong[-1]) / 2,
    }
    place = _best(values, asked)
    below = least[place + 1] if place + 1 < len(least) else np.float32(0)
    middle = (least[place] + below) / 2
    return Threshold(
        value=float(middle if below < middle else least[place]),
        class_name=class_name,
        aim=asked.aim,
        at_least=asked.at_least,
        rows=len(truth),
        **{name: float(each[place]) for name, each in values.items()},
    )


def _best(values: dict[str, np.ndarray], asked: ThresholdAim) -> int:
    """The place of the best threshold."""
    found = values[asked.aim]
    if asked.at_least is None:
        return int(np.argmax(found))
    reached = found >= asked.at_least
    if not reached.any():
        most = np.floor(1000 * found.max()) / 1000
        raise InputError(
            "model.threshold.at_least",
            expected=f"a {asked.aim} that some threshold reaches on the validation rows",
            received=f"{asked.at_least:g}, of at most {found.max():.4g}",
            write=f"--set model.threshold.at_least={most:g}",
        )
    return int(np.argmax(np.where(reached, values[_OTHER[asked.aim]], -1.0)))
