"""Losses, metrics and layers of your own; name them in config.yaml, such as QuantileLoss.

Each is a Keras object whose ``get_config`` returns all arguments of its constructor. After a
change, run `huberflow config --config config.yaml`: it checks these objects, and explains what is
wrong.
"""

import tensorflow as tf
import tf_keras


class QuantileLoss(tf_keras.losses.Loss):
    """The quantile of the label, in place of its mean: max(q e, (q - 1) e), e = label - prediction.

    One value for each row: Keras applies weights and takes the mean.
    """

    def __init__(self, quantile=0.5, **kwargs):
        super().__init__(**kwargs)
        if not 0 < quantile < 1:
            raise ValueError(f"quantile: expected a number between 0 and 1, received {quantile}")
        self.quantile = quantile

    def call(self, y_true, y_pred):
        error = tf.cast(y_true, y_pred.dtype) - y_pred
        loss = tf.maximum(self.quantile * error, (self.quantile - 1) * error)
        return tf.reduce_mean(loss, axis=-1)

    def get_config(self):
        return {**super().get_config(), "quantile": self.quantile}


class Coverage(tf_keras.metrics.Metric):
    """Share of the labels that are at most ``margin`` above the prediction.

    Its weights are sums, so that workers can add them.
    """

    def __init__(self, margin=0.0, name="coverage", **kwargs):
        super().__init__(name=name, **kwargs)
        self.margin = margin
        self.covered = self.add_weight("covered", initializer="zeros")
        self.count = self.add_weight("count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        covered = tf.cast(tf.cast(y_true, y_pred.dtype) <= y_pred + self.margin, tf.float32)
        weight = tf.ones_like(covered)
        if sample_weight is not None:
            weight *= tf.reshape(tf.cast(sample_weight, weight.dtype), [-1, 1])
        self.covered.assign_add(tf.reduce_sum(covered * weight))
        self.count.assign_add(tf.reduce_sum(weight))

    def result(self):
        return tf.math.divide_no_nan(self.covered, self.count)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
