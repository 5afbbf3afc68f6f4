"""Tries a metric as Keras and TFMA use it: in parts, whose state is added up, and weighted."""

from typing import Any

import numpy as np

from huberflow.components.objects.calling import ROWS, Arrays, Make, called, labels_and_predictions
from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.refusal import RefusalError, UnfitError, told


def metric(subject: Subject, make: Make) -> Arrays:
    """What copies of the metric, each with a part of the rows, add up to.

    Its number, then its state; first of rows that weigh the same, then of others.
    """
    y_true, y_pred = (tensor.numpy() for tensor in labels_and_predictions(subject.task)[0])
    ones = np.ones((ROWS, 1), np.float32)
    whole = _updated(subject, make, y_true, y_pred, ones)
    expected = _number(subject, whole)
    if not whole.weights:
        raise RefusalError(
            f"{subject.who}: expected state that can be added up over workers, received a metric "
            'without weights; write: self.total = self.add_weight("total", initializer="zeros")'
        )
    _refuse_not_additive(subject, make, y_true, y_pred)
    _refuse_misread_weights(subject, make, y_true, y_pred, ones)
    equal = [np.asarray(expected), *whole.get_weights()]
    _refuse_lasting(subject, whole, _number(subject, make()))
    weights = np.linspace(0.5, 2.0, ROWS, dtype=np.float32)[:, np.newaxis]
    weighted = _updated(subject, make, y_true, y_pred, weights)
    return [*equal, np.asarray(_number(subject, weighted)), *weighted.get_weights()]


def ignores_weights(arrays: Arrays) -> bool:
    """Whether what ``metric`` returned is the same with and without sample weights.

    A share may be the same, such as that of hits where all rows are hits; its counts are not.
    """
    half = len(arrays) // 2
    return all(map(np.array_equal, arrays[:half], arrays[half:]))


def misreads_whole_numbers(make: Make) -> bool:
    """Whether labels of a whole-number column, which TFMA passes as they are, give other results.

    TensorFlow rounds predictions to the type of such labels, or refuses to.
    """
    labels = np.arange(ROWS)[:, np.newaxis]
    y_pred = np.linspace(0.5, 2.0, ROWS, dtype=np.float32)[:, np.newaxis]
    whole, floating = make(), make()
    floating.update_state(labels.astype(np.float32), y_pred, np.ones_like(y_pred))
    try:
        whole.update_state(labels, y_pred, np.ones_like(y_pred))
    except Exception:  # Whatever it raises, the answer is yes.
        return True
    return not _close(float(whole.result()), float(floating.result()))


def _updated(subject: Subject, make: Make, *data: np.ndarray) -> Any:
    """A copy that has seen these rows, passed as TFMA does: arrays ``[rows, ...]``, by position."""
    made = make()
    try:
        made.update_state(*data)
    except Exception as error:
        raise UnfitError(
            f"{subject.who}.update_state: expected to take labels, predictions and weights, each "
            f"of shape ({ROWS}, 1), received {told(error, subject.folder)}; "
            "write: def update_state(self, y_true, y_pred, sample_weight=None)"
        ) from error
    return made


def _merged(subject: Subject, make: Make, *data: np.ndarray) -> float:
    """The result of two copies, which saw 5 and 3 of the rows, added up as TFMA does."""
    parts = [
        _updated(subject, make, *(array[rows] for array in data)).get_weights()
        for rows in (slice(None, 5), slice(5, None))
    ]
    merged = make()
    merged.set_weights([one + other for one, other in zip(*parts, strict=True)])
    return _number(subject, merged)


def _refuse_not_additive(subject: Subject, make: Make, *data: np.ndarray) -> None:
    expected = _number(subject, _updated(subject, make, *data))
    received = _merged(subject, make, *data)
    if not _close(expected, received):
        raise RefusalError(
            f"{subject.who}: expected state that can be added up over workers, so that two parts "
            f"give {expected:.6g} as the whole does, received {received:.6g}; keep sums and counts "
            'in self.add_weight(..., initializer="zeros") and divide in result()'
        )


def _refuse_misread_weights(
    subject: Subject, make: Make, y_true: np.ndarray, y_pred: np.ndarray, ones: np.ndarray
) -> None:
    expected = _number(subject, _updated(subject, make, y_true, y_pred))
    whole = _number(subject, _updated(subject, make, y_true, y_pred, ones))
    # Weights [rows, 1] against values [rows] make [rows, rows], which a mean alone does not show.
    for received in (whole, _merged(subject, make, y_true, y_pred, ones)):
        if not _close(expected, received):
            raise RefusalError(
                f"{subject.who}.update_state: expected weights of 1, of shape ({ROWS}, 1), to "
                f"change nothing, received {received:.6g} in place of {expected:.6g}; "
                "write: sample_weight = tf.reshape(sample_weight, tf.shape(values))"
            )


def _refuse_lasting(subject: Subject, used: Any, fresh: float) -> None:
    try:
        used.reset_state()
    except Exception as error:  # Keras's own can reset scalars only.
        raise RefusalError(
            f"{subject.who}.reset_state: expected to forget every row, received "
            f"{told(error, subject.folder)}; write: def reset_state(self): "
            "self.counts.assign(tf.zeros_like(self.counts)), and so for each weight"
        ) from error
    after = _number(subject, used)
    if not _close(after, fresh):
        raise RefusalError(
            f"{subject.who}.reset_state: expected {fresh:.6g}, as before the first row, received "
            f"{after:.6g}; write: def reset_state(self): self.total.assign(0.0), and so for each "
            "weight"
        )


def _close(one: float, other: float) -> bool:
    return bool(np.isclose(one, other, rtol=1e-5, atol=1e-5, equal_nan=True))


def _number(subject: Subject, made: Any) -> float:
    result = called(subject, f"{subject.who}.result", made.result)
    if result.shape != ():
        raise RefusalError(
            f"{subject.who}.result: expected one number, received shape {tuple(result.shape)}"
        )
    return float(result)
