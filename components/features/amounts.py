"""Amounts written as text, parsed in TensorFlow: the same in training and in serving."""

import tensorflow as tf

from huberflow.components.contracts.amount_formats import AmountFormat


def parse_amounts(text: tf.Tensor, format_name: str) -> tf.Tensor:
    """The numbers, float32 of ``text``'s shape; NaN for text in another format.

    Args:
      text: string.
      format_name: see ``contracts.amount_formats``.
    """
    form = AmountFormat(format_name)
    fits = tf.strings.regex_full_match(text, form.pattern)
    plain = tf.strings.regex_replace(text, form.is_no_digit, "")
    plain = tf.strings.regex_replace(plain, ",", ".")
    values = tf.strings.to_number(tf.where(fits, plain, "0"), tf.float64)
    negative = tf.strings.regex_full_match(text, f"(?s:.*(?:{form.is_negative}).*)")
    numbers = tf.cast(tf.where(negative, -values, values), tf.float32)
    return tf.where(fits, numbers, float("nan"))
