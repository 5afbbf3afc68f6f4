"""From raw columns to features: the same graph in training and in serving.

Columns of a kind are handled together, as one tensor: TFT traces this code half a dozen times, and
Beam runs some stages for every analyzer.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components import dates
from components.features import INDICES, NUMBERS, VOCABULARY, columns, label_and_weight

Columns = Mapping[str, tf.SparseTensor]


def preprocessing_fn(inputs: Columns, custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Raw columns to the tensors of ``components.features``; label and weight as they are.

    Every raw column is sparse, so that any of them may be missing from a row. Statistics
    (means, deviations, vocabulary) come from the train split alone, and none of them sees the
    label or the weight.

    Args:
      inputs: sparse ``[batch, 1]`` tensors by column.
      custom_config: ``features``, ``label`` and ``weight``, see ``components.features``.

    Returns:
      ``numbers`` and ``indices``, where there are such columns, and ``[batch]`` float label and
      weight, NaN where missing.

    Raises:
      ValueError: the data have no column of a name.
    """
    features = custom_config["features"]
    as_they_are = label_and_weight(custom_config)
    absent = [column for column in [*columns(features), *as_they_are] if column not in inputs]
    if absent:
        raise ValueError(
            "features, label and weight: expected columns of the data "
            f"({', '.join(sorted(inputs))}), received {', '.join(absent)}"
        )
    outputs = {name: _dense(inputs[name], tf.float32, math.nan) for name in as_they_are}
    straight, turning = _numbers(inputs, features)
    numbers = []
    if straight:
        numbers += _standardised(tf.stack(straight, axis=1))
    if turning:
        values, periods = zip(*turning, strict=True)
        numbers += _on_a_circle(tf.stack(values, axis=1), periods)
    if numbers:
        outputs[NUMBERS] = tf.concat(numbers, axis=1)
    if features["categorical"]:
        outputs[INDICES] = tft.compute_and_apply_vocabulary(
            _entries(inputs, features["categorical"]),
            top_k=features["vocabulary_size"],
            num_oov_buckets=1,
            vocab_filename=VOCABULARY,
        )
    return outputs


Turning = tuple[tf.Tensor, float]
"""Numbers that come round, and their period."""


def _numbers(inputs: Columns, features: Mapping[str, Any]) -> tuple[list[tf.Tensor], list[Turning]]:
    """Those on a line and those on a circle, float32 ``[batch]`` each, NaN where missing."""

    def number(name: str) -> tf.Tensor:
        return _dense(inputs[name], tf.float32, math.nan)

    straight = [number(name) for name in features["numeric"]]
    turning = [(number(name), period) for name, period in features["cyclic"].items()]
    for name, written in features["dates"].items():
        date = dates.parts(_dense(inputs[name], tf.string, ""), written)
        straight.append(date.days)
        turning += _turns(date)
    return straight, turning


def _turns(date: dates.Parts) -> list[Turning]:
    found = [(date.weekday, 7.0), (date.day_of_year, 365.25)]
    return found if date.hours is None else [*found, (date.hours, 24.0)]


def _standardised(numbers: tf.Tensor) -> list[tf.Tensor]:
    """Mean 0 and deviation 1 by column, 0 where missing; and 1 where missing."""
    # TFT leaves NaN out of means and deviations; a column that was never there has NaN for both.
    values = tft.scale_to_z_score(numbers, elementwise=True)
    values = tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)
    return [values, tf.cast(tf.math.is_nan(numbers), tf.float32)]


def _on_a_circle(numbers: tf.Tensor, periods: Iterable[float]) -> list[tf.Tensor]:
    """Points on the unit circle; its centre where missing."""
    angle = numbers * tf.constant([2 * math.pi / period for period in periods], tf.float32)
    present = tf.logical_not(tf.math.is_nan(angle))
    return [tf.where(present, f(angle), tf.zeros_like(angle)) for f in (tf.sin, tf.cos)]


def _entries(inputs: Columns, names: Iterable[str]) -> tf.Tensor:
    """Entries of the vocabulary, string ``[batch, names]``."""
    return tf.stack(
        [tf.strings.join([f"{name}=", _dense(inputs[name], tf.string, "")]) for name in names],
        axis=1,
    )


def _dense(sparse: tf.SparseTensor, dtype: tf.DType, default: Any) -> tf.Tensor:
    """``[batch]`` values as ``dtype``, ``default`` where the row has none."""
    values = sparse.values
    if dtype == tf.string and values.dtype != tf.string:
        values = tf.strings.as_string(values)
    elif values.dtype != dtype:
        values = tf.cast(values, dtype)
    column = tf.SparseTensor(sparse.indices, values, [sparse.dense_shape[0], 1])
    return tf.squeeze(tf.sparse.to_dense(column, default), axis=1)
