"""Losses of Keras 3, with the formulas and the contracts of those of Keras 2.

Every loss gives one value per sample, shape ``[batch, d0 .. dN-1]`` for inputs of shape
``[batch, d0 .. dN]``; inputs of rank 1 are a batch of scalars. Keras 3 casts labels and predictions
to the loss's own dtype, ``floatx`` by default.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from .. import formulas, shapes
from ..arguments import non_negative, positive
from ..formulas import Tensor
from .registry import register

Reduction = str | None
"""``"sum_over_batch_size"``, ``"sum"``, ``"mean"``, ``"mean_with_sample_weight"``, ``"none"``."""


def huber(error: Tensor, threshold: float) -> Tensor:
    """``formulas.huber`` of an error, with its gradient: any shape, and the same shape and dtype.

    JAX would make NaN of the product's own gradient where the error is infinite.
    """

    @ops.custom_gradient
    def with_gradient(error: Tensor) -> tuple[Tensor, Callable[..., Tensor]]:
        slope = formulas.huber_slope(ops, error, threshold)

        def gradient(*given: Tensor, upstream: Tensor | None = None) -> Tensor:
            return (given[0] if upstream is None else upstream) * slope  # PyTorch names it

        return formulas.huber(error, slope), gradient

    return with_gradient(error)


def aligned(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Labels and predictions of one shape and dtype, that of the predictions.

    Integer predictions become ``floatx``.

    Raises:
      ValueError: the shapes differ; see ``shapes.aligned``.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not keras.backend.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, keras.config.floatx())
    y_true = ops.cast(ops.convert_to_tensor(y_true), y_pred.dtype)
    return shapes.aligned(ops, y_true, y_pred)


def errors(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """``y_true - y_pred``, element by element, once ``aligned``."""
    y_true, y_pred = aligned(y_true, y_pred)
    return y_true - y_pred


@register
def huber_fn(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Huber loss with threshold 1, as a plain function; see ``huberflow.huber_fn``.

    Labels and predictions ``[batch, d0 .. dN]`` give ``[batch, d0 .. dN-1]`` in the dtype of the
    predictions.

    Raises:
      ValueError: the shapes of labels and predictions differ.

    Example::

        >>> from huberflow.keras import huber_fn
        >>> [float(each) for each in huber_fn([[0.0], [0.0]], [[0.5], [3.0]])]
        [0.125, 2.5]
    """
    return shapes.per_sample(ops, huber(errors(y_true, y_pred), 1.0))


class PerSampleLoss(keras.losses.Loss):
    """A loss that takes sample weights of three shapes, and refuses all others.

    These are a scalar, ``[batch]`` and ``[batch, d0 .. dN-1]``. Keras aligns weights from the
    right: ``[batch]`` against ``[batch, d0, d1]`` would weigh the wrong axis in silence.
    """

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The reduced loss; see ``keras.losses.Loss``.

        Raises:
          ValueError: the shapes of labels and predictions differ, or ``sample_weight`` has another
            shape than those above.
        """
        if sample_weight is not None:
            shape = ops.convert_to_tensor(y_pred).shape
            of_values = shape if shapes.rank(shape) == 1 else shape[:-1]
            weight = ops.convert_to_tensor(sample_weight)
            sample_weight = shapes.aligned_weight(ops, weight, of_values)
        return super().__call__(y_true, y_pred, sample_weight)


@register
class HuberLoss(PerSampleLoss):
    """Huber loss, for labels with outliers: quadratic for small errors, linear for large ones.

    ``huber`` of the errors, mean over the last axis.

    Args:
      threshold: where quadratic turns linear, in units of the label; 1 by default.
      reduction: ``"sum_over_batch_size"`` (the default), ``"sum"``, ``"mean_with_sample_weight"``
        or ``"none"``; Keras 3 has no AUTO.
      name: shown in logs.
      dtype: of the computation; ``floatx`` by default.

    Labels and predictions ``[batch, d0 .. dN]`` give, before the reduction,
    ``[batch, d0 .. dN-1]``.

    Raises:
      InputError: ``threshold`` is not a finite number > 0.

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964.

    Example::

        >>> from huberflow.keras import HuberLoss
        >>> float(HuberLoss(threshold=2.0)([[0.0]], [[3.0]]))
        4.0

    In a model: ``model.compile(loss=HuberLoss(threshold=2.0))``.
    """

    def __init__(
        self,
        threshold: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.threshold = positive("threshold", threshold)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value per sample."""
        return shapes.per_sample(ops, huber(errors(y_true, y_pred), self.threshold))

    def get_config(self) -> dict[str, object]:
        """All constructor arguments but the dtype, as Keras's own losses."""
        return {**super().get_config(), "threshold": self.threshold}


@register
class CustomMSE(PerSampleLoss):
    """Mean squared error that also pulls predictions towards one half.

    mean (y_true - y_pred)² + regularization_factor · mean (0.5 - y_pred)², both means over the
    last axis. For labels between 0 and 1: elsewhere it pulls towards the wrong place.

    Args:
      regularization_factor: weight of the second term, >= 0; 0.1 by default.
      reduction: as of ``HuberLoss``.
      name: shown in logs.
      dtype: of the computation; ``floatx`` by default.

    Raises:
      InputError: ``regularization_factor`` is not a finite number >= 0.

    Example::

        >>> from huberflow.keras import CustomMSE
        >>> float(CustomMSE(regularization_factor=0.5)([[1.0]], [[0.0]]))
        1.125
    """

    def __init__(
        self,
        regularization_factor: float = 0.1,
        reduction: Reduction = "sum_over_batch_size",
        name: str = "custom_mse",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.regularization_factor = non_negative("regularization_factor", regularization_factor)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value per sample."""
        factor = self.regularization_factor
        values = formulas.pulled_square(ops, *aligned(y_true, y_pred), factor)
        return shapes.per_sample(ops, values)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments but the dtype, as Keras's own losses."""
        return {**super().get_config(), "regularization_factor": self.regularization_factor}


def create_huber(threshold: float = 1.0) -> Callable[[Tensor, Tensor], Tensor]:
    """A Huber loss function with this threshold, which a saved model does not keep.

    A saved model has only the function's name, ``huber_fn``. ``HuberLoss`` keeps its threshold.

    Raises:
      InputError: ``threshold`` is not a finite number > 0.

    Example::

        >>> from huberflow.keras import create_huber
        >>> [float(each) for each in create_huber(threshold=2.0)([[0.0]], [[3.0]])]
        [4.0]
    """
    threshold = positive("threshold", threshold)

    def huber_fn(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return shapes.per_sample(ops, huber(errors(y_true, y_pred), threshold))

    return huber_fn
