"""Weight initializers."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from .arguments import optional_seed
from .registry import register


@register
class GlorotNormalInitializer(tf_keras.initializers.Initializer):
    """Normal weights with deviation √(2 / (fan_in + fan_out)), which keeps activations in scale.

    Source: Glorot, Bengio, 2010. Rival: Keras's own truncates the tails at two deviations.

    Args:
      seed: the same seed gives the same weights at every call; None draws anew.

    Raises:
      ValueError: ``seed`` is neither a whole number nor None.

    Example::

        >>> from huberflow import GlorotNormalInitializer
        >>> GlorotNormalInitializer(seed=1)((2, 3)).shape
        TensorShape([2, 3])
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = optional_seed("seed", seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None, **kwargs: Any) -> tf.Tensor:
        """Weights of ``shape``: ``[..., fan_in, fan_out]``, leading axes a receptive field."""
        field = math.prod(shape[:-2])
        fans = field * (shape[-1] + (shape[-2] if len(shape) > 1 else shape[-1]))
        deviation = math.sqrt(2.0 / max(1, fans))
        dtype = tf.as_dtype(dtype or tf_keras.backend.floatx())
        if self.seed is None:
            return tf.random.normal(shape, stddev=deviation, dtype=dtype)
        return tf.random.stateless_normal(shape, seed=[self.seed, 0], stddev=deviation, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        """All constructor arguments."""
        return {"seed": self.seed}
