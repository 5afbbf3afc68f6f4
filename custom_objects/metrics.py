"""Streaming metrics whose states may be added up: over batches, replicas and Beam workers.

TFMA and ``merge_state`` add the weights of a metric's copies; so these are sums and counts, in
float64, so that a billion rows still count.
"""

import math

import tensorflow as tf
import tf_keras

from . import formulas
from . import tensorflow_ops as ops
from .arguments import open_fraction, positive
from .formulas import ERROR_BUCKETS
from .losses import aligned, aligned_weight, errors, huber, per_sample
from .registry import register


def _weights(values: tf.Tensor, sample_weight: tf.Tensor | None) -> tf.Tensor:
    """One float64 weight per value; 1 where none is given."""
    ones = tf.ones(tf.shape(values), tf.float64)
    if sample_weight is None:
        return ones
    return ones * tf.cast(aligned_weight(sample_weight, values.shape), tf.float64)


@register
class HuberMetric(tf_keras.metrics.Metric):
    """The weighted mean Huber loss over all samples since the last reset.

    Σ wᵢ·huber(eᵢ) / Σ wᵢ, where huber(eᵢ) is the mean over the last axis; 0 before the first
    sample. (The loss under SUM_OVER_BATCH_SIZE divides by the number of samples instead: both are
    equal without weights.)

    Args:
      threshold: where quadratic turns linear, in units of the label; 1 by default.
      name: shown in logs, and the key in the Evaluator's result.
      dtype: of the result; ``floatx`` by default.

    Labels and predictions have shape ``[batch, d0 .. dN]``, the result is a scalar.

    Raises:
      InputError: ``threshold`` is not a finite number > 0.

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964.

    Example::

        >>> from huberflow import HuberMetric
        >>> metric = HuberMetric(threshold=2.0)
        >>> metric.update_state([[0.0], [0.0]], [[1.0], [3.0]])
        >>> float(metric.result())
        2.25
    """

    def __init__(
        self,
        threshold: float = 1.0,
        name: str = "huber_metric",
        dtype: tf.DType | str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.threshold = positive("threshold", threshold)
        self.total = self.add_weight("total", initializer="zeros", dtype=tf.float64)
        self.count = self.add_weight("count", initializer="zeros", dtype=tf.float64)

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar, ``[batch]`` or one per value."""
        values = per_sample(huber(errors(y_true, y_pred), self.threshold))
        weights = _weights(values, sample_weight)
        self.total.assign_add(tf.reduce_sum(weights * tf.cast(values, tf.float64)))
        self.count.assign_add(tf.reduce_sum(weights))

    def result(self) -> tf.Tensor:
        """The weighted mean so far, a scalar."""
        return tf.cast(tf.math.divide_no_nan(self.total, self.count), self.dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "threshold": self.threshold}


@register
class AbsoluteErrorQuantile(tf_keras.metrics.Metric):
    """The absolute error below which a share of the samples lies, to within 1 % of its value.

    ``quantile=0.5`` is the median error, 0.95 the tail error; with sample weights it is a share of
    their sum. Errors are counted in buckets whose bounds grow by a fixed ratio, so that states can
    be added up, and the result is off by at most 1 % for errors from 1e-6 to 1e9; smaller ones
    count as 0, larger ones and NaN as 1e9. 0 before the first sample.

    Args:
      quantile: between 0 and 1; 0.5 by default.
      name: shown in logs, and the key in the Evaluator's result.
      dtype: of the result; ``floatx`` by default.

    Labels and predictions have shape ``[batch, d0 .. dN]``, the result is a scalar.

    Raises:
      InputError: ``quantile`` is not between 0 and 1.

    Source: Masson, Rim, Lee, "DDSketch", 2019. Rival: exact quantiles, which need every error.

    Example::

        >>> from huberflow import AbsoluteErrorQuantile
        >>> metric = AbsoluteErrorQuantile(quantile=0.5)
        >>> metric.update_state([[0.0], [0.0], [0.0]], [[1.0], [2.0], [9.0]])
        >>> round(float(metric.result()), 1)
        2.0
    """

    def __init__(
        self,
        quantile: float = 0.5,
        name: str = "absolute_error_quantile",
        dtype: tf.DType | str | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.quantile = open_fraction("quantile", quantile)
        self.counts = self.add_weight(
            "counts", shape=(ERROR_BUCKETS,), initializer="zeros", dtype=tf.float64
        )

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar, ``[batch]`` or one per value."""
        magnitude = tf.cast(tf.abs(errors(y_true, y_pred)), tf.float64)
        largest = tf.constant(math.inf, tf.float64)
        magnitude = per_sample(tf.where(tf.math.is_nan(magnitude), largest, magnitude))
        bucket = formulas.error_buckets(ops, magnitude)
        self.counts.assign_add(
            tf.math.unsorted_segment_sum(
                tf.reshape(_weights(magnitude, sample_weight), [-1]),
                tf.reshape(bucket, [-1]),
                ERROR_BUCKETS,
            )
        )

    def reset_state(self) -> None:
        """Forgets every sample; the base class can reset scalars only."""
        self.counts.assign(tf.zeros((ERROR_BUCKETS,), tf.float64))

    def result(self) -> tf.Tensor:
        """The middle of the bucket where the cumulative weight reaches the quantile."""
        middle = formulas.error_quantile(ops, self.counts, self.quantile)
        return tf.cast(middle, self.dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "quantile": self.quantile}


MOST_OUTPUTS = 1024
"""The number of outputs that are counted, whatever the model has: states of one size add up."""


@register
class R2Score(tf_keras.metrics.Metric):
    """The share of the labels' variance that the predictions explain: 1 - Σe² / Σ(y - mean)².

    1 is perfect, 0 as good as the mean label, below 0 worse. Of several outputs, the mean of
    theirs. 0 where no label varies.

    Args:
      name: shown in logs, and the key in the Evaluator's result.
      dtype: of the result; ``floatx`` by default.

    Labels and predictions have shape ``[batch, d0 .. dN]``, the last axis has the outputs; the
    result is a scalar.

    Rival: scikit-learn's, which is 1 or 0 for an output whose labels do not vary; here it does not
    count.

    Example::

        >>> from huberflow import R2Score
        >>> metric = R2Score()
        >>> metric.update_state([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
        >>> float(metric.result())
        0.5
    """

    def __init__(self, name: str = "r2_score", dtype: tf.DType | str | None = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.weight, self.total, self.squares, self.errors = (
            self.add_weight(each, shape=(MOST_OUTPUTS,), initializer="zeros", dtype=tf.float64)
            for each in ("weight", "total", "squares", "errors")
        )

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar, ``[batch]`` or one per sample."""
        label, predicted = (tf.cast(each, tf.float64) for each in aligned(y_true, y_pred))
        weight = _weights(per_sample(label), sample_weight)
        if label.shape.rank == 1:
            label, predicted = label[:, tf.newaxis], predicted[:, tf.newaxis]
        weight = weight[..., tf.newaxis] * tf.ones_like(label)
        width = tf.shape(label)[-1]
        for state, values in (
            (self.weight, weight),
            (self.total, weight * label),
            (self.squares, weight * label**2),
            (self.errors, weight * (label - predicted) ** 2),
        ):
            sums = tf.reduce_sum(tf.reshape(values, [-1, width]), axis=0)
            state.assign_add(tf.pad(sums, [[0, MOST_OUTPUTS - width]]))

    def reset_state(self) -> None:
        """Forgets every sample; the base class can reset scalars only."""
        for state in self.weights:
            state.assign(tf.zeros((MOST_OUTPUTS,), tf.float64))

    def variation(self) -> tf.Tensor:
        """Σ(y - mean)² of each output, 0 where labels do not vary."""
        squares, mean = self.squares, tf.math.divide_no_nan(self.total, self.weight)
        found = squares - self.total * mean
        return tf.where(found > _ROUNDING * squares, found, tf.zeros_like(found))

    def result(self) -> tf.Tensor:
        """The score so far, a scalar."""
        variation = self.variation()
        varies = tf.cast(variation > 0, tf.float64)
        scores = varies - tf.math.divide_no_nan(self.errors, variation)
        count = tf.reduce_sum(varies)
        return tf.cast(tf.math.divide_no_nan(tf.reduce_sum(scores), count), self.dtype)


_ROUNDING = 1e-13
"""A variation below this share of Σy² may be nothing but the rounding of float64 sums."""
