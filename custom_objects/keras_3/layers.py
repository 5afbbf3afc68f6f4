"""Pass-through layers of Keras 3 that add a loss or a metric to the model they stand in."""

from typing import Any

import keras
from keras import ops

from ..arguments import finite
from ..formulas import Tensor
from ..input_error import InputError
from .registry import register


@register
class ActivityRegularizationLayer(keras.layers.Layer):
    """Passes its inputs through, and adds a penalty on them to the model's loss.

    rate · Σ inputs, over the whole batch: twice the batch, twice the penalty.

    Args:
      rate: weight of the penalty; 0.1 by default.
      **kwargs: of ``keras.layers.Layer``.

    Inputs have any shape and a floating dtype; the outputs are the same tensor.

    Raises:
      InputError: ``rate`` is not a finite number.

    Example::

        >>> import numpy as np
        >>> from huberflow.keras import ActivityRegularizationLayer
        >>> layer = ActivityRegularizationLayer(rate=0.5)
        >>> outputs = layer(np.array([[1.0, 2.0]]))
        >>> float(layer.losses[0])
        1.5
    """

    def __init__(self, rate: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = finite("rate", rate)

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, unchanged."""
        # In float16, mixed precision's inputs, the sum over a large batch is infinite.
        self.add_loss(self.rate * ops.sum(ops.cast(inputs, self.variable_dtype)))
        return inputs

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "rate": self.rate}


@register
class MetricLoggingLayer(keras.layers.Layer):
    """Passes its inputs through, and logs their standard deviation as ``std_of_activation``.

    √(mean (x - mean x)²) over the whole batch and all units, averaged over the batches of an epoch:
    0 means that the layer before is dead. Keras 3 has no ``add_metric``: the layer owns the metric.

    Inputs have any shape and a floating dtype; the outputs are the same tensor.

    Raises:
      InputError: the backend is JAX, whose training does not keep what a layer's metric counts.

    Example::

        >>> import numpy as np
        >>> from huberflow.keras import MetricLoggingLayer
        >>> layer = MetricLoggingLayer()
        >>> outputs = layer(np.array([[1.0, 3.0]]))
        >>> float(layer.metrics[0].result())
        1.0
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if keras.backend.backend() == "jax":
            raise InputError(
                "MetricLoggingLayer",
                expected="Keras 3 on TensorFlow or PyTorch",
                received="JAX, whose training forgets what a layer's metric has counted",
                hint="compute it in a callback, from the layer's outputs",
            )
        self.deviation = keras.metrics.Mean(name="std_of_activation")

    def call(self, inputs: Tensor) -> Tensor:
        """The inputs, unchanged."""
        self.deviation.update_state(ops.std(ops.cast(inputs, "float32")))
        return inputs
