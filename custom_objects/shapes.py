"""The shapes of labels, predictions and sample weights, which are never broadcast in silence.

``ops`` is as in ``formulas``. A shape may be known in part, as TensorFlow's in a graph.
"""

from collections.abc import Sequence

from .formulas import Ops, Tensor

Shape = Sequence[int | None]


def aligned(ops: Ops, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and predictions of one shape: ``(N,)`` against ``(N, 1)`` is N scalars on both sides.

    Raises:
      ValueError: the shapes differ in another way.
    """
    ranks = (rank(y_true.shape), rank(y_pred.shape))
    if ranks == (1, 2):
        y_true = ops.expand_dims(y_true, -1)
    elif ranks == (2, 1):
        y_pred = ops.expand_dims(y_pred, -1)
    if not _fits(y_true.shape, y_pred.shape):
        raise ValueError(
            f"y_true: expected the shape of y_pred, {y_pred.shape}, received {y_true.shape}"
        )
    return y_true, y_pred


def per_sample(ops: Ops, values: Tensor) -> Tensor:
    """Mean over the last axis; a rank-1 tensor is one value per sample already."""
    return values if rank(values.shape) == 1 else ops.mean(values, axis=-1)


def aligned_weight(ops: Ops, weight: Tensor, shape: Shape) -> Tensor:
    """A sample weight in a shape that multiplies per-sample values of ``shape`` row by row.

    Raises:
      ValueError: it is neither a scalar, nor ``[batch]``, nor of that shape.
    """
    given, own, of_values = weight.shape, rank(weight.shape), rank(shape)
    if own is None or of_values is None or own == 0:
        return weight
    if own == of_values + 1 and given[-1] == 1:
        weight = ops.squeeze(weight, axis=-1)  # Keras turns [batch] into [batch, 1] inside fit().
    elif own == 1 and of_values > 1:
        weight = ops.reshape(weight, [-1] + [1] * (of_values - 1))
    of_rows = [shape[0]] + [1] * (of_values - 1)
    if not (_fits(weight.shape, shape) or _fits(weight.shape, of_rows)):
        raise ValueError(
            f"sample_weight: expected a scalar, shape ({shape[0]},) or {shape}, "
            f"received shape {given}"
        )
    return weight


def rank(shape: Shape) -> int | None:
    """The number of axes; None where TensorFlow does not know it."""
    return shape.rank if hasattr(shape, "rank") else len(shape)


def _fits(one: Shape, other: Shape) -> bool:
    if rank(one) is None or rank(other) is None:
        return True
    pairs = zip(one, other, strict=False)
    return rank(one) == rank(other) and all(a is None or b is None or a == b for a, b in pairs)
