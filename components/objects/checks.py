"""Checks of losses and metrics on small data, used as Keras and TFMA will use them."""

import inspect
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.objects import optimizer_check
from huberflow.components.objects.discovery import Candidate
from huberflow.custom_objects.catalogue import ALL, Task
from huberflow.custom_objects.input_error import InputError

_ROWS = 8
_ONES = np.ones((_ROWS, 1), np.float32)


def check(candidate: Candidate) -> None:
    """Builds an object; refuses a loss or a metric that would fail or be wrong later.

    Raises:
      InputError: names what it gives instead.
      Exception: any of the user's code.
    """
    tf_keras.utils.set_random_seed(7)
    candidate.make()
    if candidate.kind == "loss":
        _check_values(candidate, differentiable=True)
    elif candidate.kind == "metric" and not inspect.isclass(candidate.target):
        _check_values(candidate, differentiable=False)
    elif candidate.kind == "metric":
        _check_metric(candidate)
    elif candidate.kind == "optimizer":
        optimizer_check.check_optimizer(candidate)
    elif candidate.kind == "schedule":
        optimizer_check.check_schedule(candidate)


def settled(candidate: Candidate) -> Candidate:
    """The candidate; a function that no task can use as a loss is a metric only."""
    if candidate.kind != "loss" or inspect.isclass(candidate.target):
        return candidate
    for task in ALL:
        with suppress(Exception):
            check(replace(candidate, task=task))
            return candidate
    return replace(candidate, kind="metric")


def _check_values(candidate: Candidate, *, differentiable: bool) -> None:
    """Refuses a loss without one finite value per sample, or without a finite gradient."""
    loss, key = candidate.make(), candidate.key
    if inspect.isclass(candidate.target):  # its __call__ reduces the values
        loss, key = loss.call, f"{key}.call"
    for y_true, y_pred in _labels_and_predictions(candidate.task):
        predictions = tf.constant(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            values = tf.function(loss)(tf.constant(y_true), predictions)
        if values.shape != (_ROWS,):
            raise InputError(
                key,
                expected=f"one value per sample, shape ({_ROWS},) for labels of shape "
                f"{y_true.shape}",
                received=f"shape {tuple(values.shape)}" if values.shape.rank else "a scalar",
                write="return tf.reduce_mean(values, axis=-1)",
            )
        if not np.isfinite(values).all():
            raise InputError(
                key,
                expected="finite values for labels and predictions between 0 and 1",
                received=str(values[~np.isfinite(values)][0].numpy()),
                hint="keep logarithms, roots and divisions away from 0",
            )
        gradient = tape.gradient(values, predictions) if differentiable else tf.zeros([])
        if gradient is None or not np.isfinite(gradient).all():
            raise InputError(
                key,
                expected="a finite gradient by y_pred, also where a prediction is exact",
                received="none" if gradient is None else "nan or inf",
                hint="use operations that have one, not comparisons or numpy, and add a small "
                "number below roots and divisions",
            )


def _check_metric(candidate: Candidate) -> None:
    """Refuses a metric that would be wrong over batches, workers or weighted rows."""
    key, data = candidate.key, _labels_and_predictions(candidate.task)[0]
    whole = _updated(candidate, *data)
    result = np.asarray(whole.result())
    if result.shape != ():
        raise InputError(f"{key}.result", expected="one number", received=f"shape {result.shape}")
    # Weights [rows, 1] against values [rows] make [rows, rows], which shows in unequal halves only.
    states = [
        _updated(candidate, *(array[rows] for array in (*data, _ONES))).get_weights()
        for rows in (slice(None, 5), slice(5, None))
    ]
    merged = candidate.make()
    merged.set_weights([one + other for one, other in zip(*states, strict=True)])
    if not whole.weights or not _close(result, merged.result()):
        raise InputError(
            key,
            expected=f"the same result, {result:.6g}, from states of two halves of the rows, each "
            "of weight 1, that are added up",
            received=f"{merged.result():.6g}" if whole.weights else "a metric without state",
            hint='keep sums and counts in self.add_weight(..., initializer="zeros"), divide in '
            "result(), and reshape sample_weight to the shape of the values that it multiplies",
        )
    fresh = candidate.make().result()
    whole.reset_state()
    if not _close(whole.result(), fresh):
        raise InputError(
            f"{key}.reset_state",
            expected=f"{fresh:.6g}, as before the first row",
            received=f"{whole.result():.6g}",
            write="self.total.assign(tf.zeros_like(self.total)), and so for each weight",
        )


def warnings(candidate: Candidate) -> list[str]:
    """What works, and may surprise."""
    if candidate.kind != "metric" or not inspect.isclass(candidate.target):
        return []
    found = []
    data = _labels_and_predictions(candidate.task)[0]
    weights = np.linspace(0.5, 2.0, _ROWS, dtype=np.float32)[:, np.newaxis]
    states = [_updated(candidate, *data, each).get_weights() for each in (_ONES, weights)]
    if all(map(np.array_equal, *states)):
        found.append("update_state ignores sample_weight: rows of any weight count the same")
    if candidate.task == "regression" and _misreads_whole_numbers(candidate):
        found.append(
            "update_state is wrong for a label column of whole numbers; write: "
            "y_true = tf.cast(y_true, y_pred.dtype)"
        )
    return [f"{candidate.key}: {warning}" for warning in found]


def _misreads_whole_numbers(candidate: Candidate) -> bool:
    """Whether labels of a whole-number column, which TFMA passes as they are, give other results.

    TensorFlow rounds predictions to the type of such labels, or refuses to.
    """
    labels = np.arange(_ROWS)[:, np.newaxis]
    y_pred = np.linspace(0.5, 2.0, _ROWS, dtype=np.float32)[:, np.newaxis]
    floating = _updated(candidate, labels.astype(np.float32), y_pred, _ONES)
    try:
        whole = _updated(candidate, labels, y_pred, _ONES)
    except Exception:  # any exception means yes
        return True
    return not _close(whole.result(), floating.result())


def _updated(candidate: Candidate, *data: np.ndarray) -> Any:
    """A metric that has seen these rows, passed as TFMA does: arrays ``[rows, ...]``."""
    metric = candidate.make()
    metric.update_state(*data)
    return metric


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.isclose(one, other, rtol=1e-5, atol=1e-5, equal_nan=True))


def _labels_and_predictions(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches for a task: numbers of one column and of three, or classes and probabilities.

    The first row is predicted exactly.
    """
    if task == "regression":
        return [_numbers(1), _numbers(3)]
    classes = 2 if task == "binary" else 3
    y_true = np.arange(_ROWS)[:, np.newaxis] % classes
    y_pred = np.random.default_rng(classes).dirichlet([1.0] * classes, _ROWS)
    y_pred[0] = np.eye(classes)[0]
    y_pred = y_pred[:, 1:] if task == "binary" else y_pred
    return [(y_true.astype(np.float32), y_pred.astype(np.float32))]


def _numbers(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Shape ``[_ROWS, width]``, between 0 and 1."""
    data = np.random.default_rng(width).uniform(0.1, 0.9, (2, _ROWS, width)).astype(np.float32)
    data[1, 0] = data[0, 0]
    return data[0], data[1]
