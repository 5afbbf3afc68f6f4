"""Checks that a loss can be weighted, reduced and differentiated, and runs in a graph."""

import inspect

import numpy as np
import tensorflow as tf

from huberflow.components.objects.discovery import Candidate
from huberflow.components.objects.samples import ROWS, Make, call_in_graph, labels_and_predictions
from huberflow.custom_objects.input_error import InputError


def check_loss(candidate: Candidate, make: Make) -> None:
    """Refuses a loss without one finite value per sample, or without a finite gradient.

    Raises:
      InputError: names what it gives instead.
    """
    loss, key = make(), candidate.key
    if inspect.isclass(candidate.target):  # its __call__ reduces the values
        loss, key = loss.call, f"{key}.call"
    for y_true, y_pred in labels_and_predictions(candidate.task):
        (values,) = call_in_graph(key, loss, y_true, y_pred)
        if values.shape != (ROWS,):
            raise InputError(
                key,
                expected=f"one value per sample, shape ({ROWS},) for labels of shape "
                f"{tuple(y_true.shape)}",
                received=f"shape {values.shape}" if values.ndim else "a scalar",
                write="return tf.reduce_mean(values, axis=-1)",
            )
        if not np.isfinite(values).all():
            raise InputError(
                key,
                expected="finite values for labels and predictions between 0 and 1",
                received=str(values[~np.isfinite(values)][0]),
                hint="keep logarithms, roots and divisions away from 0",
            )
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            total = tf.reduce_sum(loss(y_true, y_pred))
        gradient = tape.gradient(total, y_pred)
        if gradient is None or not np.isfinite(gradient).all():
            raise InputError(
                key,
                expected="a finite gradient by y_pred, also where a prediction is exact",
                received="none" if gradient is None else "nan or inf",
                hint="use operations that have one, not comparisons or numpy, and add a small "
                "number below roots and divisions",
            )
