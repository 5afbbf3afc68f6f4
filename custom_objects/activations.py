"""Activations."""

import tensorflow as tf

from .registry import register


@register
def softplus(inputs: tf.Tensor) -> tf.Tensor:
    """ln(1 + eˣ): a smooth ramp, positive everywhere.

    Does not overflow. Rival: max(x, 0) + ln(1 + e⁻ˡˣˡ), equal in value, but its gradient at exactly
    0 comes out as 0 instead of ½.

    Example::

        >>> from huberflow import softplus
        >>> round(float(softplus(0.0)), 4)
        0.6931
    """
    return tf.math.softplus(inputs)
