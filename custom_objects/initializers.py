"""Weight initializers."""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from .arguments import optional_seed
from .formulas import glorot_deviation
from .registry import register


@register
class GlorotNormalInitializer(tf_keras.initializers.Initializer):
    """Normal weights that keep the scale of activations from layer to layer.

    Their standard deviation is √(2 / (fan_in + fan_out)).

    Args:
      seed: the same seed gives the same weights at every call; None, the default, gives new ones.

    Shapes are ``[..., fan_in, fan_out]``, where leading axes are a receptive field.

    Raises:
      InputError: ``seed`` is neither a whole number nor None.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010. Rival: the initializer of Keras truncates the tails at two deviations.

    Example::

        >>> from huberflow import GlorotNormalInitializer
        >>> GlorotNormalInitializer(seed=1)((2, 3)).shape
        TensorShape([2, 3])
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = optional_seed("seed", seed)

    def __call__(
        self, shape: Sequence[int], dtype: tf.DType | str | None = None, **kwargs: object
    ) -> tf.Tensor:
        """Weights of ``shape`` and ``dtype``, ``floatx`` by default."""
        deviation = glorot_deviation(shape)
        dtype = tf.as_dtype(dtype or tf_keras.backend.floatx())
        if self.seed is None:
            return tf.random.normal(shape, stddev=deviation, dtype=dtype)
        return tf.random.stateless_normal(shape, seed=[self.seed, 0], stddev=deviation, dtype=dtype)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {"seed": self.seed}
