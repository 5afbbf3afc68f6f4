"""TensorFlow's functions by the names that ``keras.ops`` has for them.

With them ``formulas`` and ``shapes`` serve the objects of Keras 2, which has no such module.
"""

import tensorflow as tf

abs = tf.abs
cast = tf.cast
ceil = tf.math.ceil
clip = tf.clip_by_value
cumsum = tf.cumsum
expand_dims = tf.expand_dims
log = tf.math.log
maximum = tf.maximum
mean = tf.reduce_mean
minimum = tf.minimum
reshape = tf.reshape
square = tf.square
squeeze = tf.squeeze
sum = tf.reduce_sum
where = tf.where
zeros_like = tf.zeros_like


def power(base: float, exponent: tf.Tensor) -> tf.Tensor:
    """The power of a number, in the dtype of the exponent."""
    return tf.pow(tf.constant(base, exponent.dtype), exponent)
