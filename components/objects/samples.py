"""Small data on which user-defined objects are called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from huberflow.custom_objects.catalogue import Task
from huberflow.custom_objects.input_error import InputError

ROWS = 8
Make = Callable[[], Any]
"""Builds the object with one set of arguments."""


def labels_and_predictions(task: Task) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Batches for a task: numbers of one column and of three, or classes and probabilities.

    The first row is predicted exactly.
    """
    if task == "regression":
        return [_numbers(1), _numbers(3)]
    classes = 2 if task == "binary" else 3
    y_true = np.arange(ROWS)[:, np.newaxis] % classes
    y_pred = np.random.default_rng(classes).dirichlet([1.0] * classes, ROWS)
    y_pred[0] = np.eye(classes)[0]
    y_pred = y_pred[:, 1:] if task == "binary" else y_pred
    return [(tf.constant(y_true, tf.float32), tf.constant(y_pred, tf.float32))]


def _numbers(width: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Shape ``[ROWS, width]``, between 0 and 1."""
    random = np.random.default_rng(width)
    y_true, y_pred = random.uniform(0.1, 0.9, (2, ROWS, width))
    y_pred[0] = y_true[0]
    return tf.constant(y_true, tf.float32), tf.constant(y_pred, tf.float32)


def call_in_graph(key: str, function: Callable[..., Any], *data: tf.Tensor) -> list[np.ndarray]:
    """The results, the same eager and in a graph for any number of rows.

    Raises:
      InputError: they are not.
    """
    eager = [np.asarray(each) for each in tf.nest.flatten(function(*data))]
    specs = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in data]
    in_graph = tf.nest.flatten(tf.function(function, input_signature=specs)(*data))
    for one, other in zip(eager, in_graph, strict=True):
        if one.shape != other.shape or not np.allclose(one, other, 1e-4, 1e-5, equal_nan=True):
            expected = "the same values in a graph as without"
            raise InputError(key, expected=expected, received="other values")
    return eager
