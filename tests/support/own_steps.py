"""Models with a training step of their own."""

import tensorflow as tf
import tf_keras


@tf_keras.utils.register_keras_serializable("own_steps")
class LastLayer(tf_keras.Model):
    """Trains its last layer alone, though the others are trainable."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = tf_keras.layers.Dense(units, "tanh")
        self.last = tf_keras.layers.Dense(1)

    def call(self, inputs):
        return self.last(self.hidden(inputs))

    def train_step(self, data):
        inputs, labels = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, labels, self(inputs, training=True))
        self.optimizer.minimize(loss, self.last.trainable_variables, tape=tape)
        return {"loss": loss}

    def get_config(self):
        return {"units": self.units}


@tf_keras.utils.register_keras_serializable("own_steps")
class OneStep(tf_keras.Model):
    """A functional model whose step is written out."""

    def train_step(self, data):
        inputs, labels = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, labels, self(inputs, training=True))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}
