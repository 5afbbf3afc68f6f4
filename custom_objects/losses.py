"""Losses: thin Keras classes over the functions of ``formulas``.

Every loss here gives one value per sample, shape ``[batch, d0 .. dN-1]`` for inputs of shape
``[batch, d0 .. dN]``: the mean over the last axis, as Keras's own do. Inputs of rank 1 are a batch
of scalars and give ``[batch]``. (Rival: Keras takes a rank-1 input for one sample of ``batch``
outputs, and gives a scalar.) Labels are cast to the dtype of the predictions.
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from . import formulas, shapes
from . import tensorflow_ops as ops
from .arguments import non_negative, positive
from .keras_generation import for_keras_2
from .registry import register

Reduction = tf_keras.losses.Reduction


def huber(error: tf.Tensor, threshold: float = 1.0) -> tf.Tensor:
    """``formulas.huber`` of an error, with its gradient: one pass over the values gives both.

    Args:
      error: floating point, any shape.
      threshold: where the two pieces meet, in units of the error; 1 by default.

    Returns:
      Same shape and dtype as ``error``, in its squared units.
    """

    @tf.custom_gradient
    def with_gradient(error: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        slope = formulas.huber_slope(ops, error, threshold)
        return formulas.huber(error, slope), lambda upstream: upstream * slope

    return with_gradient(error)


def aligned(y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Labels and predictions as tensors of one shape and dtype, that of the predictions.

    ``(N,)`` against ``(N, 1)`` is read as N scalars on both sides; any other difference in shape
    is refused, never broadcast. Labels of unknown rank take the shape of the predictions; another
    number of them is refused when they arrive. Integer predictions become ``floatx``.

    Raises:
      ValueError: the shapes differ.
    """
    y_pred = tf.convert_to_tensor(y_pred)
    if not y_pred.dtype.is_floating:
        y_pred = tf.cast(y_pred, tf_keras.backend.floatx())
    y_true = tf.cast(y_true, y_pred.dtype)
    if y_true.shape.rank is None:
        # Keras forgets the rank of labels that it has seen as (N,) and as (N, 1).
        y_true = tf.reshape(y_true, tf.shape(y_pred))
    return shapes.aligned(ops, y_true, y_pred)


def errors(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """``y_true - y_pred``, element by element, once ``aligned``."""
    y_true, y_pred = aligned(y_true, y_pred)
    return y_true - y_pred


def per_sample(values: tf.Tensor) -> tf.Tensor:
    """Mean over the last axis; a rank-1 tensor is one value per sample already."""
    return shapes.per_sample(ops, values)


@register
def huber_fn(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Huber loss with threshold 1, as a plain function.

    ``huber`` of the errors, mean over the last axis.

    Labels and predictions ``[batch, d0 .. dN]`` give ``[batch, d0 .. dN-1]`` in the dtype of the
    predictions.

    Raises:
      ValueError: the shapes of labels and predictions differ.

    Example::

        >>> from huberflow import huber_fn
        >>> huber_fn([[0.0], [0.0]], [[0.5], [3.0]]).numpy().tolist()
        [0.125, 2.5]
    """
    return per_sample(huber(errors(y_true, y_pred)))


def create_huber(threshold: float = 1.0) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A Huber loss function with this threshold, which a saved model does not keep.

    A saved model has only the function's name, ``huber_fn``, so that a reload has the plain
    ``huber_fn`` with threshold 1. ``HuberLoss`` keeps its threshold.

    Args:
      threshold: where quadratic turns linear, in units of the label; 1 by default.

    Returns:
      A function of labels and predictions ``[batch, d0 .. dN]`` to values ``[batch, d0 .. dN-1]``.

    Raises:
      InputError: ``threshold`` is not a finite number > 0.

    Example::

        >>> from huberflow import create_huber
        >>> create_huber(threshold=2.0)([[0.0], [0.0]], [[0.5], [3.0]]).numpy().tolist()
        [0.125, 4.0]
    """
    threshold = positive("threshold", threshold)

    @for_keras_2
    def huber_fn(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return per_sample(huber(errors(y_true, y_pred), threshold))

    return huber_fn


class PerSampleLoss(tf_keras.losses.Loss):
    """A Keras loss that takes sample weights of three shapes, and refuses all others.

    These are a scalar, ``[batch]`` and ``[batch, d0 .. dN-1]``. Keras aligns weights from the
    right: ``[batch]`` against ``[batch, d0, d1]`` would weigh the wrong axis in silence.
    """

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The reduced loss; see ``tf_keras.losses.Loss``.

        Raises:
          ValueError: the shapes of labels and predictions differ, or ``sample_weight`` has another
            shape than those above.
        """
        if sample_weight is not None:
            shape = tf.convert_to_tensor(y_pred).shape
            sample_weight = aligned_weight(sample_weight, shape[:-1] if shape.rank != 1 else shape)
        return super().__call__(y_true, y_pred, sample_weight)


def aligned_weight(sample_weight: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """``sample_weight`` in a shape that multiplies per-sample values of ``shape`` row by row.

    Raises:
      ValueError: it is neither a scalar, nor ``[batch]``, nor of that shape.
    """
    return shapes.aligned_weight(ops, tf.convert_to_tensor(sample_weight), shape)


@register
class HuberLoss(PerSampleLoss):
    """Huber loss, for labels with outliers: quadratic for small errors, linear for large ones.

    ``huber`` of the errors, mean over the last axis.

    Args:
      threshold: where quadratic turns linear, in units of the label; 1 by default.
      reduction: AUTO (the default), SUM_OVER_BATCH_SIZE, SUM or NONE.
      name: shown in logs.

    Labels and predictions ``[batch, d0 .. dN]`` give, before the reduction, ``[batch, d0 .. dN-1]``
    in the dtype of the predictions.

    Raises:
      InputError: ``threshold`` is not a finite number > 0.

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964.

    Example::

        >>> from huberflow import HuberLoss
        >>> float(HuberLoss(threshold=2.0)([[0.0]], [[3.0]]))
        4.0

    In a model: ``model.compile(loss=HuberLoss(threshold=2.0))``.
    """

    def __init__(
        self,
        threshold: float = 1.0,
        reduction: str = Reduction.AUTO,
        name: str = "huber_loss",
    ) -> None:
        super().__init__(reduction=reduction, name=name)
        self.threshold = positive("threshold", threshold)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """One value per sample."""
        return per_sample(huber(errors(y_true, y_pred), self.threshold))

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "threshold": self.threshold}


@register
class CustomMSE(PerSampleLoss):
    """Mean squared error that also pulls predictions towards one half.

    mean (y_true - y_pred)² + regularization_factor · mean (0.5 - y_pred)², both means over the
    last axis. For labels between 0 and 1: elsewhere it pulls towards the wrong place.

    Args:
      regularization_factor: weight of the second term, >= 0; 0.1 by default.
      reduction: AUTO (the default), SUM_OVER_BATCH_SIZE, SUM or NONE.
      name: shown in logs.

    Labels and predictions ``[batch, d0 .. dN]`` give, before the reduction, ``[batch, d0 .. dN-1]``
    in the dtype of the predictions.

    Raises:
      InputError: ``regularization_factor`` is not a finite number >= 0.

    Example::

        >>> from huberflow import CustomMSE
        >>> float(CustomMSE(regularization_factor=0.5)([[1.0]], [[0.0]]))
        1.125
    """

    def __init__(
        self,
        regularization_factor: float = 0.1,
        reduction: str = Reduction.AUTO,
        name: str = "custom_mse",
    ) -> None:
        super().__init__(reduction=reduction, name=name)
        self.regularization_factor = non_negative("regularization_factor", regularization_factor)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """One value per sample."""
        factor = self.regularization_factor
        return per_sample(formulas.pulled_square(ops, *aligned(y_true, y_pred), factor))

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "regularization_factor": self.regularization_factor}
