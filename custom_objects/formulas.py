"""The maths of the objects, once for every Keras: pure functions of tensors.

``ops`` is ``keras.ops``, or ``tensorflow_ops`` for Keras 2.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

Ops: TypeAlias = Any
"""A module of functions of tensors."""

Tensor: TypeAlias = Any
"""A tensor that its functions take: TensorFlow's, JAX's or PyTorch's."""


def huber_slope(ops: Ops, error: Tensor, threshold: float) -> Tensor:
    """The derivative of the Huber loss: the error, clipped to [-threshold, threshold]."""
    return ops.clip(error, -threshold, threshold)


def huber(error: Tensor, slope: Tensor) -> Tensor:
    """The Huber loss of an error, whose slope is that of ``huber_slope``.

    ½e² where |e| < threshold, elsewhere threshold·|e| - ½threshold². As m·(|e| - ½m) with
    m = min(|e|, threshold) it has no untaken branch, so no gradient that is NaN or infinite behind
    a mask. Both factors may carry the sign of e, and then m is the slope.

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964. Rival: some divide by
    the threshold ("smooth L1").
    """
    return slope * (error - 0.5 * slope)


def pulled_square(ops: Ops, y_true: Tensor, y_pred: Tensor, factor: float) -> Tensor:
    """(y_true - y_pred)² + factor · (0.5 - y_pred)², element by element."""
    pull = factor * ops.square(0.5 - y_pred)
    return ops.square(y_true - y_pred) + pull


def absolute_sum(ops: Ops, weights: Tensor, factor: float) -> Tensor:
    """Σ |factor · w|, a scalar."""
    return ops.sum(ops.abs(factor * weights))


def glorot_deviation(shape: Sequence[int]) -> float:
    """√(2 / (fan_in + fan_out)) for weights ``[..., fan_in, fan_out]``.

    Leading axes are a receptive field.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """
    field = math.prod(shape[:-2])
    fans = field * (shape[-1] + (shape[-2] if len(shape) > 1 else shape[-1]))
    return math.sqrt(2.0 / max(1, fans))


_ACCURACY = 0.01
_RATIO = (1 + _ACCURACY) / (1 - _ACCURACY)
_SMALLEST, _LARGEST = 1e-6, 1e9
ERROR_BUCKETS = 1 + math.ceil(math.log(_LARGEST / _SMALLEST) / math.log(_RATIO))
"""The number of buckets of errors."""


def error_buckets(ops: Ops, magnitude: Tensor) -> Tensor:
    """The bucket of each absolute error, int32; their bounds grow by a fixed ratio.

    Source: Masson, Rim, Lee, "DDSketch", 2019.
    """
    steps = ops.log(ops.maximum(magnitude, _SMALLEST) / _SMALLEST) / math.log(_RATIO)
    return ops.cast(ops.ceil(ops.minimum(steps, float(ERROR_BUCKETS - 1))), "int32")


def error_quantile(ops: Ops, counts: Tensor, quantile: float) -> Tensor:
    """The middle of the bucket where the cumulative weight reaches the quantile."""
    reached = ops.cumsum(counts)
    rank = ops.sum(ops.cast(reached < quantile * reached[-1], counts.dtype))
    upper = _SMALLEST * ops.power(_RATIO, rank)
    return ops.where(rank == 0, ops.zeros_like(upper), upper * 2 / (1 + _RATIO))
