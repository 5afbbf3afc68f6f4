"""Weight constraints."""

import tensorflow as tf
import tf_keras

from .registry import register


@register
class PositiveWeights(tf_keras.constraints.Constraint):
    """Sets negative weights to zero after each step: more of an input never gives less.

    max(w, 0), of the same shape and dtype as the weights.

    Example::

        >>> import tensorflow as tf
        >>> from huberflow import PositiveWeights
        >>> PositiveWeights()(tf.constant([-1.0, 2.0])).numpy().tolist()
        [0.0, 2.0]
    """

    def __call__(self, weights: tf.Tensor) -> tf.Tensor:
        """max(w, 0), same shape and dtype."""
        return tf.nn.relu(weights)
