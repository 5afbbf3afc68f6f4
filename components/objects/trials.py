"""Tries each kind of object on small data, as a pipeline will use it.

A trial takes what makes the object, and returns what the object does: arrays that say whether two
objects behave alike. It raises RefusalError where the object would break a run, later or elsewhere.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from huberflow.components.objects.calling import (
    ROWS,
    Arrays,
    Make,
    called,
    in_graph,
    refuse_other_in_graph,
)
from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.loss_trial import loss
from huberflow.components.objects.metric_trial import metric
from huberflow.components.objects.refusal import RefusalError

_WEIGHT = tf.constant(np.random.default_rng(3).normal(size=(4, 3)), tf.float32)


def layer(subject: Subject, make: Make) -> Arrays:
    """As many rows out as in, eager and in a graph."""
    made, who = make(), f"{subject.who}.call"
    x = _inputs(subject, who, make)
    results = tf.nest.flatten(called(subject, who, made, x))
    results += tf.nest.flatten(in_graph(subject, who, partial(made, training=False), x))
    for result in results:
        if result.shape.rank == 0 or result.shape[0] != ROWS:
            raise RefusalError(
                f"{who}: expected one row for each row of the inputs, {ROWS}, received shape "
                f"{tuple(result.shape)}; keep the first dimension, as axis=-1 does"
            )
    return [result.numpy() for result in results]


def _inputs(subject: Subject, who: str, make: Make) -> tf.Tensor:
    """Numbers, a sequence or an image, whichever the layer takes first."""
    refused = []
    for shape in ((4,), (5, 4), (6, 6, 3)):
        x = tf.random.stateless_normal((ROWS, *shape), (1, 2))
        try:
            called(subject, who, make(), x)
        except RefusalError as refusal:
            refused.append(refusal)
        else:
            return x
    raise refused[0]


def regularizer(subject: Subject, make: Make) -> Arrays:
    """One number for a weight."""
    result = called(subject, f"{subject.who}.__call__", make(), _WEIGHT)
    if result.shape != ():
        raise RefusalError(
            f"{subject.who}.__call__: expected one number for a weight, received shape "
            f"{tuple(result.shape)}; write: return tf.reduce_sum(...)"
        )
    return [result.numpy()]


def initializer(subject: Subject, make: Make) -> Arrays:
    """A weight of the shape that was asked for."""
    who = f"{subject.who}.__call__"
    result = called(subject, who, partial(make(), dtype=tf.float32), (4, 3))
    if result.shape != (4, 3):
        raise RefusalError(
            f"{who}: expected the shape that was asked for, (4, 3), received "
            f"{tuple(result.shape)}; write: return tf.fill(shape, ...) or the like"
        )
    return [result.numpy()]


def constraint(subject: Subject, make: Make) -> Arrays:
    """A weight of the same shape."""
    return [_same_shape(subject, f"{subject.who}.__call__", make(), _WEIGHT)]


def activation(subject: Subject, make: Make) -> Arrays:
    """Values of the same shape, eager and in a graph."""
    values = _same_shape(subject, subject.who, make(), _WEIGHT)
    refuse_other_in_graph(subject, subject.who, make(), values, _WEIGHT)
    return [values]


def _same_shape(
    subject: Subject, who: str, function: Callable[..., Any], x: tf.Tensor
) -> np.ndarray:
    result = called(subject, who, function, x)
    if result.shape != x.shape:
        raise RefusalError(
            f"{who}: expected the shape of its input, {tuple(x.shape)}, received "
            f"{tuple(result.shape)}"
        )
    return result.numpy()


TRIALS: dict[str, Callable[[Subject, Make], Arrays]] = {
    "loss": loss,
    "metric": metric,
    "layer": layer,
    "regularizer": regularizer,
    "initializer": initializer,
    "constraint": constraint,
    "activation": activation,
}
