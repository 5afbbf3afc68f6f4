"""Weight regularizers."""

import tensorflow as tf
import tf_keras

from . import formulas
from . import tensorflow_ops as ops
from .arguments import non_negative
from .registry import register


@register
class L1Regularizer(tf_keras.regularizers.Regularizer):
    """Adds a penalty to the loss that drives weights of little use to zero.

    Σ |factor · w|

    Args:
      factor: strength, >= 0; 0.01 by default.

    Weights of any shape and floating dtype give a scalar of that dtype.

    Raises:
      InputError: ``factor`` is not a finite number >= 0.

    Example::

        >>> import tensorflow as tf
        >>> from huberflow import L1Regularizer
        >>> float(L1Regularizer(factor=0.5)(tf.constant([1.0, -2.0])))
        1.5
    """

    def __init__(self, factor: float = 0.01) -> None:
        self.factor = non_negative("factor", factor)

    def __call__(self, weights: tf.Tensor) -> tf.Tensor:
        """The penalty, a scalar in the dtype of the weights."""
        return formulas.absolute_sum(ops, weights, self.factor)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {"factor": self.factor}
