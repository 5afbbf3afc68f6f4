"""Calls a user's object on small data, eager and in a graph, and says in words what it raises."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from huberflow.components.objects.discovery import Subject
from huberflow.components.objects.refusal import RefusalError, UnfitError, told
from huberflow.custom_objects.catalogue import Task

ROWS = 8
Make = Callable[[], Any]
Arrays = list[np.ndarray]


Pair = tuple[tf.Tensor, tf.Tensor]


def labels_and_predictions(task: Task) -> list[Pair]:
    """Batches of a task: numbers of one column and of three, or classes and probabilities.

    The first row is predicted exactly.
    """
    if task == "regression":
        return [numbers(1), numbers(3)]
    classes = 2 if task == "binary" else 3
    y_true = np.arange(ROWS)[:, np.newaxis] % classes
    y_pred = np.random.default_rng(classes).dirichlet([1.0] * classes, ROWS)
    y_pred[0] = np.eye(classes)[0]
    y_pred = y_pred[:, 1:] if task == "binary" else y_pred
    return [(tf.constant(y_true, tf.float32), tf.constant(y_pred, tf.float32))]


def numbers(width: int) -> Pair:
    """Shape ``[ROWS, width]``, between 0 and 1."""
    random = np.random.default_rng(width)
    y_true, y_pred = random.uniform(0.1, 0.9, (2, ROWS, width))
    y_pred[0] = y_true[0]
    return tf.constant(y_true, tf.float32), tf.constant(y_pred, tf.float32)


def called(subject: Subject, who: str, function: Callable[..., Any], *data: Any) -> Any:
    """The result, as tensors.

    Raises:
      RefusalError: in the words of what it raised.
    """
    try:
        return tf.nest.map_structure(tf.convert_to_tensor, function(*data))
    except NotImplementedError as error:
        raise RefusalError(
            f"{who}: expected a method of this class, received none; write it, or start the name "
            "of a mere base class with an underscore"
        ) from error
    except Exception as error:
        shapes = " and ".join(str(tuple(getattr(each, "shape", each))) for each in data)
        given = f" for shape {shapes}" if data else ""
        raise UnfitError(
            f"{who}: expected a value{given}, received {told(error, subject.folder)}"
        ) from error


def in_graph(subject: Subject, who: str, function: Callable[..., Any], *data: tf.Tensor) -> Any:
    """What it gives in a graph, where the number of rows is unknown."""
    specs = [tf.TensorSpec([None, *each.shape[1:]], each.dtype) for each in data]
    try:
        return tf.function(function, input_signature=specs)(*data)
    except Exception as error:
        raise RefusalError(
            f"{who}: expected to run in a graph, as training does, received "
            f"{told(error, subject.folder)}; use TensorFlow's operations in place of Python's "
            "and numpy's"
        ) from error


def refuse_other_in_graph(
    subject: Subject, who: str, function: Callable[..., Any], eager: np.ndarray, *data: tf.Tensor
) -> None:
    """Refuses what gives other values in a graph than the ``eager`` ones."""
    values = in_graph(subject, who, function, *data).numpy()
    if values.shape != eager.shape or not np.allclose(values, eager, 1e-4, 1e-5, equal_nan=True):
        raise RefusalError(
            f"{who}: expected the same values in a graph as without, received others"
        )
