"""Streaming metrics of probabilities, whose states may be added up like those of ``metrics``."""

import tensorflow as tf
import tf_keras

from .arguments import one_of
from .losses import aligned_weight
from .registry import register

CURVES = ("ROC", "PR")

_LOWEST, _EDGE = -88.0, 16.0
_COARSE, _FINE = 16, 1024
_TAIL = int((-_EDGE - _LOWEST) * _COARSE)
_BUCKETS = _TAIL + int(2 * _EDGE * _FINE) + 1


def log_odds_bucket(probability: tf.Tensor) -> tf.Tensor:
    """The bucket of each probability: even steps of ln(p / (1 - p)), which order them as p does.

    Steps are 1/1024 from -16 to 16, and 1/16 below, where float32 still has numbers.
    """
    odds = tf.math.log(probability) - tf.math.log1p(-probability)
    odds = tf.clip_by_value(odds, _LOWEST, _EDGE)
    coarse, fine = (odds - _LOWEST) * _COARSE, _TAIL + (odds + _EDGE) * _FINE
    return tf.cast(tf.where(odds < -_EDGE, coarse, fine), tf.int32)


def _roc_area(positives: tf.Tensor, negatives: tf.Tensor) -> tf.Tensor:
    """The ROC area of counts by falling probability."""
    found = tf.cumsum(positives) - positives / 2
    pairs = tf.reduce_sum(positives) * tf.reduce_sum(negatives)
    return tf.math.divide_no_nan(tf.reduce_sum(found * negatives), pairs)


def _average_precision(positives: tf.Tensor, negatives: tf.Tensor) -> tf.Tensor:
    """The mean precision at each positive row, of counts by falling probability."""
    found = tf.cumsum(positives)
    precision = tf.math.divide_no_nan(found, found + tf.cumsum(negatives))
    has_both = tf.cast(tf.reduce_any(negatives > 0), tf.float64)
    area = tf.reduce_sum(positives * precision)
    return has_both * tf.math.divide_no_nan(area, found[-1])


@register
class AUC(tf_keras.metrics.Metric):
    """The area under the ROC or the precision-recall curve, for classes however rare.

    ROC: the share of pairs of a positive and a negative row in which the positive one has the
    higher probability; half of the ties count. PR: average precision, Σ (Rₙ - Rₙ₋₁)·Pₙ over
    falling thresholds. 0 without positive or without negative rows.

    Rows are counted by class in buckets of the probability's log-odds, so that states can be added
    up, and that rare classes, whose probabilities are all small, are told apart: both areas are
    within 1e-3 of the exact ones where log-odds spread by 0.1 or more.

    Args:
      curve: ``"ROC"`` (the default) or ``"PR"``.
      name: shown in logs, and the key in the Evaluator's result.
      dtype: of the result; ``floatx`` by default.

    Labels are 0 or 1, predictions probabilities of 1, both ``[batch, d0 .. dN]``; the result is a
    scalar.

    Raises:
      InputError: ``curve`` is another word.
      tf.errors.InvalidArgumentError: a prediction is not from 0 to 1.

    Rivals: tf_keras's AUC has 200 even thresholds, and reads 0.743 for 0.856 where 0.2 % are
    positive; scikit-learn's sorts, which needs every row.

    Example::

        >>> from huberflow import AUC
        >>> metric = AUC()
        >>> metric.update_state([[0.0], [0.0], [1.0]], [[0.001], [0.003], [0.002]])
        >>> float(metric.result())
        0.5
    """

    def __init__(
        self,
        curve: str = "ROC",
        name: str = "auc",
        dtype: tf.DType | str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.curve = one_of(*CURVES)("curve", curve)
        self.positives = self._counts("positives")
        self.negatives = self._counts("negatives")

    def _counts(self, name: str) -> tf.Variable:
        return self.add_weight(name, shape=(_BUCKETS,), initializer="zeros", dtype=tf.float64)

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar, ``[batch]`` or one per value."""
        probability = tf.cast(y_pred, tf.float64)
        in_range = tf.reduce_all((probability >= 0) & (probability <= 1))
        tf.debugging.Assert(in_range, ["y_pred: expected probabilities from 0 to 1", y_pred])
        label = tf.reshape(tf.cast(y_true, tf.float64), tf.shape(probability))
        weight = tf.ones_like(probability)
        if sample_weight is not None:
            given = aligned_weight(sample_weight, probability.shape)
            weight *= tf.cast(given, tf.float64)
        bucket = tf.reshape(log_odds_bucket(probability), [-1])
        for counts, rows in ((self.positives, label), (self.negatives, 1 - label)):
            values = tf.reshape(weight * rows, [-1])
            counts.assign_add(tf.math.unsorted_segment_sum(values, bucket, _BUCKETS))

    def reset_state(self) -> None:
        """Forgets every sample; the base class can reset scalars only."""
        for counts in (self.positives, self.negatives):
            counts.assign(tf.zeros((_BUCKETS,), tf.float64))

    def result(self) -> tf.Tensor:
        """The area so far, a scalar."""
        area = _roc_area if self.curve == "ROC" else _average_precision
        positives, negatives = (tf.reverse(each, [0]) for each in (self.positives, self.negatives))
        return tf.cast(area(positives, negatives), self.dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "curve": self.curve}
