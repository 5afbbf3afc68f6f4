"""A layer of some library, in none of the user's files."""

import tf_keras


@tf_keras.utils.register_keras_serializable("small_layers")
class Elsewhere(tf_keras.layers.Layer):
    """Gives back what it gets."""
