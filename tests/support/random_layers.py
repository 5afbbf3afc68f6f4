"""A user's layers and models that draw random numbers."""

import numpy as np
import tensorflow as tf
import tf_keras

registered = tf_keras.utils.register_keras_serializable("random_layers")


@registered
class Uniform(tf_keras.layers.Layer):
    """Noise of TensorFlow's plain function, with a seed and without."""

    def call(self, x, training=False):
        if training:
            x += tf.random.uniform(tf.shape(x), seed=5) + tf.random.uniform(tf.shape(x))
        return x


@registered
class OwnGenerator(tf_keras.layers.Layer):
    """Noise of a generator of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = tf.random.Generator.from_non_deterministic_state()

    def call(self, x, training=False):
        return x + self.generator.normal(tf.shape(x)) if training else x


@registered
class GlobalGenerator(tf_keras.layers.Layer):
    """Noise of the global generator."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generators = [tf.random.get_global_generator()]

    def call(self, x, training=False):
        return x + self.generators[0].normal(tf.shape(x)) if training else x


@registered
class OfNumPy(tf_keras.layers.Layer):
    """Noise that no seed of TensorFlow reaches: other numbers each time it is traced."""

    def call(self, x, training=False):
        return x + np.random.normal(size=4).astype("float32") if training else x


@registered
class Subclassed(tf_keras.Model):
    """A model whose function was traced in training already, and whose loss is random."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [tf_keras.layers.Dense(8), tf_keras.layers.Dropout(0.3, seed=3)]
        self.out = tf_keras.layers.Dense(1)

    @tf.function
    def call(self, x, training=False):
        for layer in self.hidden:
            x = layer(x, training=training)
        return self.out(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        noise = tf.random.get_global_generator().normal([])
        return super().compute_loss(x, y, y_pred, sample_weight) + noise

    def get_config(self):
        return {}
