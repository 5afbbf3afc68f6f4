"""What Keras 3 does with weights: initializer, regularizer, constraint; and an activation."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .. import formulas
from ..arguments import non_negative, optional_seed
from ..formulas import Tensor
from .registry import register


@register
class L1Regularizer(keras.regularizers.Regularizer):
    """Adds a penalty to the loss that drives weights of little use to zero.

    Σ |factor · w|

    Args:
      factor: strength, >= 0; 0.01 by default.

    Weights of any shape and floating dtype give a scalar of that dtype.

    Raises:
      InputError: ``factor`` is not a finite number >= 0.

    Example::

        >>> import numpy as np
        >>> from huberflow.keras import L1Regularizer
        >>> float(L1Regularizer(factor=0.5)(np.array([1.0, -2.0])))
        1.5
    """

    def __init__(self, factor: float = 0.01) -> None:
        self.factor = non_negative("factor", factor)

    def __call__(self, weights: Tensor) -> Tensor:
        """The penalty, a scalar in the dtype of the weights."""
        return formulas.absolute_sum(ops, weights, self.factor)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {"factor": self.factor}


@register
class GlorotNormalInitializer(keras.initializers.Initializer):
    """Normal weights that keep the scale of activations from layer to layer.

    Their standard deviation is √(2 / (fan_in + fan_out)).

    Args:
      seed: the same seed gives the same weights at every call; None, the default, gives new ones.

    Shapes are ``[..., fan_in, fan_out]``, where leading axes are a receptive field. Each backend
    draws other numbers for a seed; TensorFlow those of Keras 2.

    Raises:
      InputError: ``seed`` is neither a whole number nor None.

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010. Rival: the initializer of Keras truncates the tails at two deviations.

    Example::

        >>> from huberflow.keras import GlorotNormalInitializer
        >>> tuple(GlorotNormalInitializer(seed=1)((2, 3)).shape)
        (2, 3)
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed = optional_seed("seed", seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None, **kwargs: object) -> Tensor:
        """Weights of ``shape`` and ``dtype``, ``floatx`` by default."""
        deviation = formulas.glorot_deviation(shape)
        return keras.random.normal(shape, stddev=deviation, dtype=dtype, seed=self.seed)

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {"seed": self.seed}


@register
class PositiveWeights(keras.constraints.Constraint):
    """Sets negative weights to zero after each step: more of an input never gives less.

    max(w, 0), of the same shape and dtype as the weights.

    Example::

        >>> import numpy as np
        >>> from huberflow.keras import PositiveWeights
        >>> [float(each) for each in PositiveWeights()(np.array([-1.0, 2.0]))]
        [0.0, 2.0]
    """

    def __call__(self, weights: Tensor) -> Tensor:
        """max(w, 0), same shape and dtype."""
        return ops.relu(weights)


@register
def softplus(inputs: Tensor) -> Tensor:
    """A smooth ramp, positive everywhere.

    ln(1 + eˣ), without overflow; of the same shape and dtype as the inputs.

    Example::

        >>> import numpy as np
        >>> from huberflow.keras import softplus
        >>> round(float(softplus(np.float32(0.0))), 4)
        0.6931
    """
    return ops.softplus(inputs)
