"""From raw columns to features: the same graph in training and in serving.

Columns of a kind are handled together, as one tensor: TFT traces this code half a dozen times,
operation by operation, and Beam runs some stages for every analyzer.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from huberflow.components.contracts.features import (
    INDICES,
    NUMBERS,
    TRUTH,
    VOCABULARY,
    columns,
    label_and_weight,
)
from huberflow.components.contracts.target import Target
from huberflow.components.features import dates

Columns = Mapping[str, tf.SparseTensor]


def preprocessing_fn(inputs: Columns, custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Raw columns to the tensors of ``contracts.features``, the ``truth`` and the weight.

    Every raw column is sparse, so that any of them may be missing from a row. Statistics
    (means, deviations, vocabulary) come from the train split alone, and none of them sees the
    label or the weight.

    Args:
      inputs: sparse ``[batch, 1]`` tensors by column.
      custom_config: ``features``, ``label``, ``classes`` and ``weight``, see
        ``huberflow.components.contracts.features`` and ``huberflow.components.contracts.target``.

    Returns:
      ``numbers`` and ``indices``, where there are such columns, ``truth``, and the ``[batch]``
      float weight, NaN where missing.

    Raises:
      ValueError: the data have no column of a name.
    """
    features, weight = custom_config["features"], custom_config["weight"]
    apart = label_and_weight(custom_config)
    absent = [column for column in [*columns(features), *apart] if column not in inputs]
    if absent:
        raise ValueError(
            "features, label and weight: expected columns of the data "
            f"({', '.join(sorted(inputs))}), received {', '.join(absent)}"
        )
    outputs = {TRUTH: truth(inputs, Target.of(custom_config))}
    if weight is not None:
        outputs[weight] = _dense(inputs[weight], tf.float32, math.nan)
    straight, turning, periods = _numbers(inputs, features)
    numbers = []
    if straight:
        numbers += _standardised(tf.concat(straight, axis=1))
    if turning:
        numbers += _on_a_circle(tf.concat(turning, axis=1), periods)
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


def truth(inputs: Columns, target: Target) -> tf.Tensor:
    """``TRUTH`` of ``huberflow.components.contracts.features``."""
    found = [_truth(inputs[label], target.classes) for label in target.labels]
    return tf.stack(found, axis=1) if target.parts else found[0]


def is_labelled(truth: tf.Tensor) -> tf.Tensor:
    """Which rows have all of their labels, bool ``[batch]``."""
    finite = tf.math.is_finite(truth)
    return finite if truth.shape.rank == 1 else tf.reduce_all(finite, axis=1)


def _truth(label: tf.SparseTensor, names: Sequence[str]) -> tf.Tensor:
    if not names:
        return _dense(label, tf.float32, math.nan)
    if label.values.dtype == tf.string:
        values, classes = _dense(label, tf.string, ""), tf.constant(names)
    else:
        values = _dense(label, tf.float64, math.nan)
        classes = tf.constant([float(name) for name in names], tf.float64)
    is_class = values[:, tf.newaxis] == classes
    place = tf.cast(tf.argmax(tf.cast(is_class, tf.int32), axis=1), tf.float32)
    return tf.where(tf.reduce_any(is_class, axis=1), place, math.nan)


def _numbers(
    inputs: Columns, features: Mapping[str, Any]
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[float]]:
    """Those on a line and those on a circle, and the periods of these.

    Float32 ``[batch, columns]``, NaN where missing.
    """
    numeric, periods = list(features["numeric"]), dict(features["cyclic"])
    straight = [_together(inputs, numeric, tf.float32, math.nan)] if numeric else []
    turning = [_together(inputs, list(periods), tf.float32, math.nan)] if periods else []
    lengths = list(periods.values())
    for name, written in features["dates"].items():
        date = dates.parts(_dense(inputs[name], tf.string, ""), written)
        straight.append(date.days[:, tf.newaxis])
        values, these = zip(*_turns(date), strict=True)
        turning.append(tf.stack(values, axis=1))
        lengths += these
    return straight, turning, lengths


def _turns(date: dates.Parts) -> list[tuple[tf.Tensor, float]]:
    """What comes round, and its period."""
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


def _entries(inputs: Columns, names: Sequence[str]) -> tf.Tensor:
    """Entries of the vocabulary, string ``[batch, names]``."""
    return tf.constant([[f"{name}=" for name in names]]) + _together(inputs, names, tf.string, "")


def _together(inputs: Columns, names: Sequence[str], dtype: tf.DType, default: Any) -> tf.Tensor:
    """``[batch, names]`` values as ``dtype``, ``default`` where a row has none."""
    # Not each one's own shape: a batch that has no value in a column is [batch, 0] there.
    shape = tf.stack([inputs[names[0]].dense_shape[0], 1])
    columns = [
        tf.SparseTensor(inputs[name].indices, _as(inputs[name].values, dtype), shape)
        for name in names
    ]
    dense = tf.sparse.to_dense(tf.sparse.concat(1, columns), default)
    return tf.ensure_shape(dense, [None, len(names)])


def _dense(column: tf.SparseTensor, dtype: tf.DType, default: Any) -> tf.Tensor:
    """The same of one column, ``[batch]``."""
    return _together({"": column}, [""], dtype, default)[:, 0]


def _as(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if values.dtype == dtype:
        return values
    return tf.strings.as_string(values) if dtype == tf.string else tf.cast(values, dtype)
