"""Checks a metric as Keras and TFMA use it: weighted, and with states that are added up."""

from typing import Any

import numpy as np

from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.samples import ROWS, Make, labels_and_predictions
from huberflow.components.objects.user_errors import user_code
from huberflow.custom_objects.input_error import InputError

_ONES = np.ones((ROWS, 1), np.float32)
_HINT = (
    'keep sums and counts in self.add_weight(..., initializer="zeros"), divide in result(), and '
    "reshape sample_weight to the shape of the values that it multiplies"
)


def check_metric(candidate: Candidate, make: Make) -> None:
    """Refuses a metric that would be wrong over batches, workers or weighted rows.

    Raises:
      InputError: names what it gives instead.
    """
    data = _arrays(candidate)
    whole = _updated(make, *data)
    result = np.asarray(whole.result())
    if result.shape != ():
        key = f"{candidate.key}.result"
        raise InputError(key, expected="one number", received=f"shape {result.shape}")
    if not whole.weights:
        expected = "state that can be added up over workers"
        raise InputError(
            candidate.key, expected=expected, received="a metric without weights", hint=_HINT
        )
    # Weights [rows, 1] against values [rows] make [rows, rows], which a mean alone does not show.
    for rows, received in {
        "two parts of the rows, whose states are added up": _merged(make, *data),
        f"weights of 1, of shape ({ROWS}, 1)": float(_updated(make, *data, _ONES).result()),
        "weights of 1, in two parts": _merged(make, *data, _ONES),
    }.items():
        if not _close(float(result), received):
            raise InputError(
                candidate.key,
                expected=f"the same result, {float(result):.6g}, from {rows}",
                received=f"{received:.6g}",
                hint=_HINT,
            )
    key, fresh = f"{candidate.key}.reset_state", float(make().result())
    expected = f"{fresh:.6g}, as before the first row"
    write = "self.total.assign(tf.zeros_like(self.total)), and so for each weight"
    with user_code(key, expected, candidate.folder, write=write):
        whole.reset_state()  # Keras's own can reset scalars only
    if not _close(after := float(whole.result()), fresh):
        raise InputError(key, expected=expected, received=f"{after:.6g}", write=write)


def ignores_weights(candidate: Candidate) -> bool:
    """Whether the state is the same with and without sample weights."""
    weights = np.linspace(0.5, 2.0, ROWS, dtype=np.float32)[:, np.newaxis]
    data = _arrays(candidate)
    states = [_updated(candidate.make, *data, each).get_weights() for each in (_ONES, weights)]
    return all(map(np.array_equal, *states))


def misreads_whole_numbers(make: Make) -> bool:
    """Whether labels of a whole-number column, which TFMA passes as they are, give other results.

    TensorFlow rounds predictions to the type of such labels, or refuses to.
    """
    labels = np.arange(ROWS)[:, np.newaxis]
    y_pred = np.linspace(0.5, 2.0, ROWS, dtype=np.float32)[:, np.newaxis]
    floating = _updated(make, labels.astype(np.float32), y_pred, _ONES)
    try:
        whole = _updated(make, labels, y_pred, _ONES)
    except Exception:  # any exception means yes
        return True
    return not _close(float(whole.result()), float(floating.result()))


def _arrays(candidate: Candidate) -> list[np.ndarray]:
    return [tensor.numpy() for tensor in labels_and_predictions(candidate.task)[0]]


def _updated(make: Make, *data: np.ndarray) -> Any:
    """A copy that has seen these rows, passed as TFMA does: arrays ``[rows, ...]``, by position."""
    metric = make()
    metric.update_state(*data)
    return metric


def _merged(make: Make, *data: np.ndarray) -> float:
    """The result of two copies, which saw 5 and 3 of the rows, added up as TFMA does."""
    states = [
        _updated(make, *(array[rows] for array in data)).get_weights()
        for rows in (slice(None, 5), slice(5, None))
    ]
    merged = make()
    merged.set_weights([one + other for one, other in zip(*states, strict=True)])
    return float(merged.result())


def _close(one: float, other: float) -> bool:
    return bool(np.isclose(one, other, rtol=1e-5, atol=1e-5, equal_nan=True))
