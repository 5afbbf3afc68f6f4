"""Activations."""

import tensorflow as tf

from .registry import register


@register
def softplus(inputs: tf.Tensor) -> tf.Tensor:
    """A smooth ramp, positive everywhere.

    ln(1 + eˣ), without overflow; of the same shape and dtype as the inputs. Rival: max(x, 0) +
    ln(1 + e⁻ˡˣˡ), equal in value, but its gradient at exactly 0 is 0 instead of ½.

    Example::

        >>> from huberflow import softplus
        >>> round(float(softplus(0.0)), 4)
        0.6931
    """
    return tf.math.softplus(inputs)
