"""Losses as users write them, who have never heard of huberflow."""

import tensorflow as tf
import tf_keras


@tf_keras.utils.register_keras_serializable("foreign")
class Registered(tf_keras.losses.Loss):
    """A registered class with an argument."""

    def __init__(self, power: float = 2.0, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return tf.reduce_mean(tf.abs(y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


class Unregistered(Registered):
    """The same, which nobody registered."""


@tf_keras.utils.register_keras_serializable("foreign")
def registered_function(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)


def unregistered_function(y_true, y_pred):
    return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)


@tf_keras.utils.register_keras_serializable("foreign")
class Scorer(tf_keras.Model):
    """A subclassed model that takes a dict."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = tf_keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(tf.concat([inputs["miles"], inputs["minutes"]], axis=1))

    def get_config(self):
        return {}
