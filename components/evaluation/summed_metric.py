"""Metrics whose states are added up over batches and workers, as TFMA does it.

TFMA describes a metric by the name of its class; a worker imports the class when it builds the
metric.
"""

import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.custom_objects.classification_metrics import AUC
from huberflow.custom_objects.confusion_metrics import F1Score
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.custom_objects.metrics import R2Score


class KerasMetric(TypedDict):
    """A tf_keras metric by its class, and the arguments for it; or a loss."""

    module: str
    name: str
    arguments: Mapping[str, object]


Make = Callable[..., tf_keras.metrics.Metric]


def imported(metric: KerasMetric) -> Make:
    """The class or function that a description names."""
    target: Make = getattr(importlib.import_module(metric["module"]), metric["name"])
    return target


class SummedMetric(tf_keras.metrics.Metric):
    """A tf_keras metric of all rows, whose state is the sum of those of some rows each.

    Its state is one float64 vector: the weight of the rows, then the metric's own. The result is
    NaN where it is not defined: over rows that weigh nothing, and where it would divide by 0.

    Args:
      name: its key.
      metric: the tf_keras metric.
    """

    def __init__(self, name: str, metric: KerasMetric) -> None:
        super().__init__(name=name, dtype=tf.float64)
        self._description = json.dumps(metric)  # Keras would wrap a dict
        self._inner = imported(metric)(**metric["arguments"])
        self._weight_of_rows = 0.0
        self._is_checked = False

    @tf.autograph.experimental.do_not_convert  # it would turn an InputError into another error
    def update_state(
        self,
        y_true: Sequence[np.ndarray],
        y_pred: Sequence[np.ndarray],
        sample_weight: Sequence[np.ndarray] | None = None,
    ) -> None:
        """Adds a batch of rows, as arrays or as lists of one array for each row."""
        rows = [np.asarray(each) for each in (y_true, y_pred, sample_weight) if each is not None]
        if not self._is_checked and len(rows[0]) > 1:
            check_additive(self._inner, self.name, rows)
            self._is_checked = True
        self._inner.update_state(*rows)
        weight = len(rows[0]) if sample_weight is None else np.sum(rows[2], dtype=np.float64)
        self._weight_of_rows += float(weight)

    def get_weights(self) -> list[np.ndarray]:
        """The state, as one vector: TFMA adds up lists only where all arrays have one shape."""
        return [np.concatenate([[self._weight_of_rows], *map(np.ravel, state(self._inner))])]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Puts back what ``get_weights`` gave, or a sum of it."""
        (vector,) = weights
        arrays = self._inner.get_weights()
        parts = np.split(vector[1:], np.cumsum([array.size for array in arrays])[:-1])
        self._inner.set_weights(
            [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]
        )
        self._weight_of_rows = float(vector[0])

    def reset_state(self) -> None:
        """Forgets all rows."""
        self._inner.reset_state()
        self._weight_of_rows = 0.0

    def result(self) -> tf.Tensor:
        """The metric's result, or NaN."""
        defined = self._weight_of_rows > 0 and all(map(np.any, _divisors(self._inner)))
        return tf.cast(self._inner.result() if defined else np.nan, tf.float64)

    def get_config(self) -> dict[str, JSON]:
        """All constructor arguments."""
        return {"name": self.name, "metric": json.loads(self._description)}


def state(metric: tf_keras.metrics.Metric) -> list[np.ndarray]:
    """The metric's weights, as float64."""
    return [np.asarray(weight, np.float64) for weight in metric.get_weights()]


def _divisors(metric: tf_keras.metrics.Metric) -> list[tf.Tensor]:
    """Counts that are 0 where the metric is undefined; there Keras returns 0."""
    if isinstance(metric, AUC):
        return [metric.positives, metric.negatives]
    if isinstance(metric, F1Score):
        return [metric.divisor()]
    if isinstance(metric, R2Score):
        return [metric.variation()]
    if isinstance(metric, tf_keras.metrics.AUC):
        positives = metric.true_positives + metric.false_negatives
        return [positives, metric.true_negatives + metric.false_positives]
    if isinstance(metric, tf_keras.metrics.Precision):
        return [metric.true_positives + metric.false_positives]
    if isinstance(metric, tf_keras.metrics.Recall):
        return [metric.true_positives + metric.false_negatives]
    return []


def check_additive(metric: tf_keras.metrics.Metric, key: str, rows: Sequence[np.ndarray]) -> None:
    """Refuses a metric whose state for some rows is not the sum of those of two parts of them.

    Args:
      metric: its state is lost.
      key: names the metric in the error.
      rows: labels, predictions, and perhaps weights; two rows at least.

    Raises:
      InputError: TFMA, which adds states up, would give another value with every division of the
        rows.
    """
    part = len(rows[0]) // 3 or 1
    parts = slice(None), slice(None, part), slice(part, None)
    whole, first, second = (_state_of(metric, [array[each] for array in rows]) for each in parts)
    metric.reset_state()
    added = [one + other for one, other in zip(first, second, strict=True)]
    if not whole or not all(map(_close, whole, added)):
        raise InputError(
            key,
            expected="a metric whose weights are sums or counts: TFMA adds up those of all workers",
            received="another state" if whole else "a metric without weights",
            hint='keep sums and counts in self.add_weight(..., initializer="zeros"), and divide '
            "in result()",
        )


def _state_of(metric: tf_keras.metrics.Metric, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    metric.reset_state()
    metric.update_state(*rows)
    return state(metric)


def _close(one: np.ndarray, other: np.ndarray) -> bool:
    scale = np.max(np.abs(one), initial=1.0, where=np.isfinite(one))
    return np.allclose(one, other, rtol=1e-4, atol=1e-6 * float(scale), equal_nan=True)


def mean_of(loss: KerasMetric) -> KerasMetric:
    """The metric that is the weighted mean of a loss, or of a function's values."""
    return KerasMetric(module=MeanLoss.__module__, name=MeanLoss.__name__, arguments={"loss": loss})


class MeanLoss(tf_keras.metrics.Metric):
    """The weighted mean of a loss over all rows; TFMA takes a custom loss for no metric.

    Args:
      loss: a tf_keras loss or a function ``(y_true, y_pred)``, which gives a value for each row.
      name: its key.
    """

    def __init__(self, loss: KerasMetric, name: str = "mean_loss") -> None:
        super().__init__(name=name)
        target = imported(loss)
        is_class = inspect.isclass(target)
        self._per_row = target(**loss["arguments"]).call if is_class else target
        self._loss = json.dumps(loss)
        self.total = self.add_weight("total", initializer="zeros", dtype=tf.float64)
        self.weight = self.add_weight("weight", initializer="zeros", dtype=tf.float64)

    @tf.autograph.experimental.do_not_convert
    def update_state(
        self, y_true: np.ndarray, y_pred: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> None:
        """Adds the loss of each row, times its weight.

        Raises:
          InputError: the loss does not give a value for each row.
        """
        rows, labels, predictions = len(y_true), tf.constant(y_true), tf.constant(y_pred)
        if labels.dtype.is_floating and predictions.dtype.is_floating:  # as Keras does it in fit
            labels = tf.cast(labels, predictions.dtype)
        values = tf.cast(self._per_row(labels, predictions), tf.float64)
        if not values.shape.rank or values.shape[0] != rows:
            raise InputError(
                self.name,
                expected=f"a loss with a value for each of {rows} rows",
                received=f"shape {values.shape}",
                write="return tf.reduce_mean(values, axis=-1)",
            )
        values = tf.reduce_mean(tf.reshape(values, [rows, -1]), axis=-1)
        ones = np.ones(rows) if sample_weight is None else np.reshape(sample_weight, rows)
        weights = tf.cast(ones, tf.float64)
        self.total.assign_add(tf.reduce_sum(weights * values))
        self.weight.assign_add(tf.reduce_sum(weights))

    def result(self) -> tf.Tensor:
        """The mean."""
        return self.total / self.weight

    def get_config(self) -> dict[str, JSON]:
        """All constructor arguments."""
        return {"loss": json.loads(self._loss), "name": self.name}
