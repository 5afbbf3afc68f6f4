"""Pass-through layers that add a loss or a metric to the model they stand in."""

import tensorflow as tf
import tf_keras

from .arguments import finite
from .registry import register


@register
class ActivityRegularizationLayer(tf_keras.layers.Layer):
    """Passes its inputs through, and adds a penalty on them to the model's loss.

    rate · Σ inputs, over the whole batch: twice the batch, twice the penalty.

    Args:
      rate: weight of the penalty; 0.1 by default.
      **kwargs: of ``tf_keras.layers.Layer``.

    Inputs have any shape and a floating dtype; the outputs are the same tensor.

    Raises:
      InputError: ``rate`` is not a finite number.

    Example::

        >>> from huberflow import ActivityRegularizationLayer
        >>> layer = ActivityRegularizationLayer(rate=0.5)
        >>> outputs = layer([[1.0, 2.0]])
        >>> float(layer.losses[0])
        1.5
    """

    def __init__(self, rate: float = 0.1, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.rate = finite("rate", rate)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs, unchanged."""
        # In float16, mixed precision's inputs, the sum over a large batch is infinite.
        self.add_loss(self.rate * tf.reduce_sum(tf.cast(inputs, self.variable_dtype)))
        return inputs

    def get_config(self) -> dict[str, object]:
        """All constructor arguments."""
        return {**super().get_config(), "rate": self.rate}


@register
class MetricLoggingLayer(tf_keras.layers.Layer):
    """Passes its inputs through, and logs their standard deviation as ``std_of_activation``.

    √(mean (x - mean x)²) over the whole batch and all units, averaged over the batches of an epoch:
    0 means that the layer before is dead.

    Inputs have any shape and a floating dtype; the outputs are the same tensor.

    Example::

        >>> from huberflow import MetricLoggingLayer
        >>> layer = MetricLoggingLayer()
        >>> outputs = layer([[1.0, 3.0]])
        >>> float(layer.metrics[0].result())
        1.0
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs, unchanged."""
        deviation = tf.math.reduce_std(tf.cast(inputs, tf.float32))
        self.add_metric(deviation, name="std_of_activation", aggregation="mean")
        return inputs
