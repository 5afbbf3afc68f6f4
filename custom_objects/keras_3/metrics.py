"""Streaming metrics of Keras 3: sums and counts in float64, so that a billion rows still count."""

import math
from typing import Any

import keras
from keras import ops

from .. import formulas, shapes
from ..arguments import open_fraction, positive
from ..formulas import Tensor
from ..input_error import InputError
from .losses import errors, huber
from .registry import register

_STATE = "float64"


class _Sums(keras.metrics.Metric):
    """A metric whose states are float64."""

    def _sum(self, name: str, shape: tuple[int, ...] = ()) -> keras.Variable:
        state = self.add_variable(shape, initializer="zeros", dtype=_STATE, name=name)
        found = keras.backend.standardize_dtype(ops.convert_to_tensor(state).dtype)
        if found != _STATE:
            raise InputError(
                type(self).__name__,
                expected="64-bit numbers, for sums over many rows",
                received=f"{found}, in which a count ends at 16,777,216",
                hint="JAX has them where it is told so; Keras's floatx stays what it is",
                write='jax.config.update("jax_enable_x64", True)',
            )
        return state


def _weights(values: Tensor, sample_weight: Tensor | None) -> Tensor:
    """One float64 weight per value; 1 where none is given."""
    ones = ops.ones_like(values, dtype=_STATE)
    if sample_weight is None:
        return ones
    weight = ops.convert_to_tensor(sample_weight)
    return ones * ops.cast(shapes.aligned_weight(ops, weight, values.shape), _STATE)


@register
class HuberMetric(_Sums):
    """The weighted mean Huber loss over all samples since the last reset.

    Σ wᵢ·huber(eᵢ) / Σ wᵢ, where huber(eᵢ) is the mean over the last axis; 0 before the first
    sample.

    Args:
      threshold: where quadratic turns linear, in units of the label; 1 by default.
      name: shown in logs.
      dtype: of the result; ``floatx`` by default.

    Labels and predictions have shape ``[batch, d0 .. dN]``, the result is a scalar.

    Raises:
      InputError: ``threshold`` is not a finite number > 0, or JAX has 32-bit numbers.

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964.

    Example::

        >>> from huberflow.keras import HuberMetric
        >>> metric = HuberMetric(threshold=2.0)
        >>> metric.update_state([[0.0], [0.0]], [[1.0], [3.0]])
        >>> float(metric.result())
        2.25
    """

    def __init__(
        self, threshold: float = 1.0, name: str = "huber_metric", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.threshold = positive("threshold", threshold)
        self.total = self._sum("total")
        self.count = self._sum("count")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar, ``[batch]`` or one per value."""
        values = shapes.per_sample(ops, huber(errors(y_true, y_pred), self.threshold))
        weights = _weights(values, sample_weight)
        self.total.assign_add(ops.sum(weights * ops.cast(values, _STATE)))
        self.count.assign_add(ops.sum(weights))

    def result(self) -> Tensor:
        """The weighted mean so far, a scalar."""
        return ops.cast(ops.divide_no_nan(self.total, self.count), self.dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "threshold": self.threshold}


@register
class AbsoluteErrorQuantile(_Sums):
    """The absolute error below which a share of the samples lies, to within 1 % of its value.

    ``quantile=0.5`` is the median error, 0.95 the tail error; with sample weights it is a share of
    their sum. The result is off by at most 1 % for errors from 1e-6 to 1e9; smaller ones count as
    0, larger ones and NaN as 1e9. 0 before the first sample.

    Args:
      quantile: between 0 and 1; 0.5 by default.
      name: shown in logs.
      dtype: of the result; ``floatx`` by default.

    Labels and predictions have shape ``[batch, d0 .. dN]``, the result is a scalar.

    Raises:
      InputError: ``quantile`` is not between 0 and 1, or JAX has 32-bit numbers.

    Source: Masson, Rim, Lee, "DDSketch", 2019.

    Example::

        >>> from huberflow.keras import AbsoluteErrorQuantile
        >>> metric = AbsoluteErrorQuantile(quantile=0.5)
        >>> metric.update_state([[0.0], [0.0], [0.0]], [[1.0], [2.0], [9.0]])
        >>> round(float(metric.result()), 1)
        2.0
    """

    def __init__(
        self, quantile: float = 0.5, name: str = "absolute_error_quantile", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.quantile = open_fraction("quantile", quantile)
        self.counts = self._sum("counts", (formulas.ERROR_BUCKETS,))

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        """Adds a batch; ``sample_weight`` is a scalar, ``[batch]`` or one per value."""
        magnitude = ops.cast(ops.abs(errors(y_true, y_pred)), _STATE)
        magnitude = ops.where(ops.isnan(magnitude), ops.cast(math.inf, _STATE), magnitude)
        magnitude = shapes.per_sample(ops, magnitude)
        weights = ops.reshape(_weights(magnitude, sample_weight), [-1])
        buckets = ops.reshape(formulas.error_buckets(ops, magnitude), [-1])
        count = formulas.ERROR_BUCKETS
        self.counts.assign_add(ops.segment_sum(weights, buckets, num_segments=count))

    def result(self) -> Tensor:
        """The middle of the bucket where the cumulative weight reaches the quantile."""
        counts = ops.convert_to_tensor(self.counts)
        return ops.cast(formulas.error_quantile(ops, counts, self.quantile), self.dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "quantile": self.quantile}
