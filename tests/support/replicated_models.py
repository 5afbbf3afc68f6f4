"""A user's models to train on several devices, and a loss that is not registered."""

import tensorflow as tf
import tf_keras

registered = tf_keras.utils.register_keras_serializable("replicated")


def own_loss(labels, predictions):
    return tf.reduce_mean(tf.abs(labels - predictions), axis=-1)


@registered
class Halved(tf_keras.Model):
    """Of one argument."""

    def __init__(self, factor=0.5, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.out = factor, tf_keras.layers.Dense(1)

    def call(self, x):
        return self.factor * self.out(x)

    def get_config(self):
        return {"factor": self.factor}


@registered
class Tripled(tf_keras.Sequential):
    """A chain of layers with a training step of its own."""

    def train_step(self, data):
        return {"loss": 3.0 * super().train_step(data)["loss"]}


class OfAnArgument(tf_keras.Model):
    """Keras cannot say with which layer it was made."""

    def __init__(self, hidden):
        super().__init__()
        self.hidden, self.out = hidden, tf_keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))
