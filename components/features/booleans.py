"""Booleans written as text, read in TensorFlow: the same in training and in serving."""

import tensorflow as tf

from huberflow.components.contracts.booleans import SPELLINGS, WORDS


def words_of(text: tf.Tensor) -> tf.Tensor:
    """``true`` or ``false`` for each of their spellings, empty for any other text."""
    written = tf.strings.lower(tf.strings.strip(text))
    words = tf.zeros_like(text)
    for word in WORDS:
        spellings = [each for each, stands_for in SPELLINGS.items() if stands_for == word]
        is_word = tf.reduce_any(written[..., tf.newaxis] == tf.constant(spellings), axis=-1)
        words = tf.where(is_word, tf.constant(word), words)
    return words
