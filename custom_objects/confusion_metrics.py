"""Streaming metrics of the confusion matrix; states may be added up like those of ``metrics``."""

import tensorflow as tf
import tf_keras

from .arguments import one_of, open_fraction
from .losses import aligned_weight
from .registry import register

MOST_CLASSES = 1024
"""The number of classes that are counted, whatever the model has: states of one size add up."""


class _CountsByClass(tf_keras.metrics.Metric):
    """Rows by class: how many are of it, are predicted as it, and both.

    Labels are indices of classes, ``[batch]`` or ``[batch, 1]``. Predictions are probabilities,
    ``[batch, classes]``, the largest of which counts; of two classes ``[batch, 1]`` or ``[batch]``,
    that of the second.
    """

    def __init__(self, threshold: float, name: str, dtype: tf.DType | str | None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.threshold = open_fraction("threshold", threshold)
        self.actual = self._counts("actual")
        self.predicted = self._counts("predicted")
        self.right = self._counts("right")
        self.of_two = self.add_weight("of_two", initializer="zeros", dtype=tf.float64)

    def _counts(self, name: str) -> tf.Variable:
        return self.add_weight(name, shape=(MOST_CLASSES,), initializer="zeros", dtype=tf.float64)

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar or ``[batch]``."""
        y_pred = tf.convert_to_tensor(y_pred)
        is_of_two = y_pred.shape.rank == 1 or y_pred.shape[-1] == 1
        if is_of_two:
            predicted = tf.cast(tf.reshape(y_pred, [-1]) > self.threshold, tf.int32)
        else:
            predicted = tf.argmax(y_pred, axis=-1, output_type=tf.int32)
        label = tf.cast(tf.reshape(y_true, [-1]), tf.int32)
        weight = tf.ones_like(predicted, tf.float64)
        if sample_weight is not None:
            weight *= tf.cast(aligned_weight(sample_weight, predicted.shape), tf.float64)
        right = weight * tf.cast(label == predicted, tf.float64)
        for counts, rows, of in (
            (self.actual, weight, label),
            (self.predicted, weight, predicted),
            (self.right, right, label),
        ):
            counts.assign_add(tf.math.unsorted_segment_sum(rows, of, MOST_CLASSES))
        if is_of_two:
            self.of_two.assign_add(tf.reduce_sum(weight))

    def reset_state(self) -> None:
        """Forgets every sample; the base class can reset scalars only."""
        for counts in (self.actual, self.predicted, self.right):
            counts.assign(tf.zeros((MOST_CLASSES,), tf.float64))
        self.of_two.assign(0.0)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "threshold": self.threshold}


@register
class BalancedAccuracy(_CountsByClass):
    """The mean, over the classes that have rows, of the share of rows that are predicted right.

    It is the accuracy where each class counts the same, however rare. 0 before the first sample.

    Args:
      threshold: of two classes, the probability above which the second is predicted; 0.5 by
        default.
      name: shown in logs, and the key in the Evaluator's result.
      dtype: of the result; ``floatx`` by default.

    Labels are indices of classes, predictions probabilities: ``[batch, classes]``, or
    ``[batch, 1]`` of the second of two. The result is a scalar.

    Raises:
      InputError: ``threshold`` is not between 0 and 1.

    Example::

        >>> from huberflow import BalancedAccuracy
        >>> metric = BalancedAccuracy()
        >>> metric.update_state([[0.0], [0.0], [0.0], [1.0]], [[0.2], [0.1], [0.9], [0.8]])
        >>> round(float(metric.result()), 3)
        0.833
    """

    def __init__(
        self,
        threshold: float = 0.5,
        name: str = "balanced_accuracy",
        dtype: tf.DType | str | None = None,
    ) -> None:
        super().__init__(threshold, name, dtype)

    def result(self) -> tf.Tensor:
        """The mean so far, a scalar."""
        recall = tf.math.divide_no_nan(self.right, self.actual)
        return tf.cast(_mean(recall, tf.cast(self.actual > 0, tf.float64)), self.dtype)


@register
class F1Score(_CountsByClass):
    """The harmonic mean of precision and recall: 2·right / (actual + predicted).

    Of two classes that of the second; of more the mean over the classes that have rows or are
    predicted. 0 before the first sample.

    Args:
      average: of more than two classes: each counts the same with ``"macro"`` (the default), and
        by its rows with ``"weighted"``.
      threshold: of two classes, the probability above which the second is predicted; 0.5 by
        default.
      name: shown in logs, and the key in the Evaluator's result.
      dtype: of the result; ``floatx`` by default.

    Labels are indices of classes, predictions probabilities: ``[batch, classes]``, or
    ``[batch, 1]`` of the second of two. The result is a scalar.

    Raises:
      InputError: ``average`` is another word, or ``threshold`` is not between 0 and 1.

    Rival: tf_keras's F1Score takes one-hot labels, and gives a value for each class.

    Example::

        >>> from huberflow import F1Score
        >>> metric = F1Score()
        >>> metric.update_state([[0.0], [0.0], [1.0], [1.0]], [[0.2], [0.9], [0.8], [0.1]])
        >>> float(metric.result())
        0.5
    """

    def __init__(
        self,
        average: str = "macro",
        threshold: float = 0.5,
        name: str = "f1_score",
        dtype: tf.DType | str | None = None,
    ) -> None:
        super().__init__(threshold, name, dtype)
        self.average = one_of("macro", "weighted")("average", average)

    def divisor(self) -> tf.Tensor:
        """Rows that are of the classes that count, or are predicted as them; 0: no score."""
        seen = self.actual + self.predicted
        return tf.where(self.of_two > 0, seen[1], tf.reduce_sum(seen))

    def result(self) -> tf.Tensor:
        """The score so far, a scalar."""
        seen = self.actual + self.predicted
        scores = tf.math.divide_no_nan(2 * self.right, seen)
        is_macro = self.average == "macro"
        weights = tf.cast(seen > 0, tf.float64) if is_macro else tf.identity(self.actual)
        score = tf.where(self.of_two > 0, scores[1], _mean(scores, weights))
        return tf.cast(score, self.dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "average": self.average}


def _mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))
