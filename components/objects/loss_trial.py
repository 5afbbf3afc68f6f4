"""Tries a loss: it is reduced, weighted and differentiated later, and runs in a graph."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.objects.calling import (
    ROWS,
    Arrays,
    Make,
    Pair,
    called,
    labels_and_predictions,
    numbers,
    refuse_other_in_graph,
)
from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.refusal import RefusalError


def loss(subject: Subject, make: Make) -> Arrays:
    """One finite value per sample, eager and in a graph, with a finite gradient."""
    call, who = _call(make), subject.who + (".call" if inspect.isclass(subject.target) else "")
    pairs = labels_and_predictions(subject.task)
    values = [_per_sample(subject, who, call, pair) for pair in pairs]
    _refuse_no_gradient(who, call, *pairs[-1])
    return values


def _call(make: Make) -> Callable[..., Any]:
    """What gives one value per sample; a class's own ``__call__`` reduces them."""
    function = make()
    return function.call if isinstance(function, tf_keras.losses.Loss) else function


def _per_sample(subject: Subject, who: str, call: Callable[..., Any], data: Pair) -> np.ndarray:
    result = called(subject, who, call, *data)
    if result.shape != (ROWS,):
        received = "a scalar" if result.shape.rank == 0 else f"shape {tuple(result.shape)}"
        raise RefusalError(
            f"{who}: expected one value per sample, shape ({ROWS},) for labels of shape "
            f"{tuple(data[0].shape)}, received {received}; "
            "write: return tf.reduce_mean(values, axis=-1)"
        )
    values = result.numpy()
    if not np.isfinite(values).all():
        raise RefusalError(
            f"{who}: expected finite values for labels and predictions between 0 and 1, received "
            f"{values[~np.isfinite(values)][0]}; keep logarithms, roots and divisions away from 0"
        )
    refuse_other_in_graph(subject, who, call, values, *data)
    return values


def fails_below_zero(make: Make) -> bool:
    """Whether a loss has no finite value for negative predictions; a regression may give such."""
    y_true, y_pred = numbers(1)
    try:
        values = _call(make)(y_true, y_pred - 1.0)
    except Exception:  # Whatever it raises, the answer is yes.
        return True
    return not np.isfinite(np.asarray(values)).all()


def _refuse_no_gradient(
    who: str, call: Callable[..., Any], y_true: tf.Tensor, y_pred: tf.Tensor
) -> None:
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        total = tf.reduce_sum(call(y_true, y_pred))
    gradient = tape.gradient(total, y_pred)
    if gradient is None:
        raise RefusalError(
            f"{who}: expected a gradient with respect to y_pred, received None; "
            "use operations that have one: not tf.round, tf.argmax, comparisons or numpy"
        )
    if not np.isfinite(gradient.numpy()).all():
        raise RefusalError(
            f"{who}: expected a finite gradient, also where a prediction is exact, received "
            f"{gradient.numpy()[~np.isfinite(gradient.numpy())][0]}; add a small number below "
            "roots and divisions"
        )
