"""Raw columns to features: the same graph in training and in serving.

Columns of a kind are one tensor: TFT traces this code half a dozen times, operation by operation,
and Beam runs some stages for every analyzer.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf
import tensorflow_transform as tft

from huberflow.components.contracts.features import (
    INDICES,
    NUMBERS,
    TRUTH,
    VOCABULARY,
    WEIGHT,
    FeaturesConfig,
    entry_prefix,
)
from huberflow.components.contracts.node_config import TransformConfig
from huberflow.components.contracts.target import Target
from huberflow.components.features import amounts, booleans, dates
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON

Columns = Mapping[str, tf.SparseTensor]

_RANK_ERROR = 0.005
"""Of quantiles, as a share of the rows."""


def preprocessing_fn(inputs: Columns, custom_config: Mapping[str, JSON]) -> dict[str, tf.Tensor]:
    """Raw columns to the tensors of ``contracts.features``: features, truth and weight.

    Every raw column is sparse, so that any of them may be missing from a row. Statistics
    (means, deviations, vocabulary) come from the train split alone; none of them depends on the
    label or the weight.

    Args:
      inputs: sparse ``[batch, 1]`` tensors by column.
      custom_config: a ``TransformConfig`` as JSON.

    Returns:
      ``numbers`` and ``indices``, where there are such columns, ``truth``, and ``weight``, where
      the config names one.

    Raises:
      InputError: the data lack a column.
    """
    config = TransformConfig.from_json(custom_config)
    features, weight = config.features, config.weight
    columns = [*features.columns, *config.label_and_weight]
    if absent := [column for column in columns if column not in inputs]:
        raise InputError(
            "features, label and weight",
            expected=f"columns of the data ({', '.join(sorted(inputs))})",
            received=", ".join(absent),
        )
    outputs = {TRUTH: truth(inputs, config.target)}
    if weight is not None:
        outputs[WEIGHT] = _dense(inputs[weight], tf.float32, math.nan)
    linear, cyclic, periods = _numbers(inputs, features)
    numbers = []
    if linear:
        values = tf.concat(linear, axis=1)
        numbers += _standardised(values)
    if cyclic:
        numbers += _sine_and_cosine(tf.concat(cyclic, axis=1), periods)
    if linear and features.bins:
        numbers.append(_piecewise_linear(values, features.bins))
    if numbers:
        outputs[NUMBERS] = tf.concat(numbers, axis=1)
    if features.embedded:
        outputs[INDICES] = tft.compute_and_apply_vocabulary(
            _entries(inputs, features, config.missing),
            top_k=features.vocabulary_size,
            num_oov_buckets=1,
            vocab_filename=VOCABULARY,
        )
    return outputs


def truth(inputs: Columns, target: Target) -> tf.Tensor:
    """The tensor ``TRUTH`` of ``huberflow.components.contracts.features``."""
    labels = [_truth(inputs[label], target.classes) for label in target.labels]
    return tf.stack(labels, axis=1) if len(labels) > 1 else labels[0]


def is_labelled(truth: tf.Tensor) -> tf.Tensor:
    """Whether each row is labelled, bool ``[batch]``; see ``contracts.labelled_rows``."""
    finite = tf.math.is_finite(truth)
    return finite if truth.shape.rank == 1 else tf.reduce_all(finite, axis=1)


def _truth(label: tf.SparseTensor, class_names: Sequence[str]) -> tf.Tensor:
    if not class_names:
        return _dense(label, tf.float32, math.nan)
    if label.values.dtype == tf.string:
        values, classes = _dense(label, tf.string, ""), tf.constant(class_names)
    else:
        values = _dense(label, tf.float64, math.nan)
        classes = tf.constant([float(name) for name in class_names], tf.float64)
    is_class = values[:, tf.newaxis] == classes
    place = tf.cast(tf.argmax(tf.cast(is_class, tf.int32), axis=1), tf.float32)
    return tf.where(tf.reduce_any(is_class, axis=1), place, math.nan)


def _numbers(
    inputs: Columns, features: FeaturesConfig
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[float]]:
    """The linear numbers, the cyclic numbers, and the periods of the cyclic ones.

    Float32 ``[batch, columns]``, NaN where missing.
    """
    numeric, names = features.numeric, tuple(features.cyclic)
    linear = [_stacked(inputs, numeric, tf.float32, math.nan)] if numeric else []
    cyclic = [_stacked(inputs, names, tf.float32, math.nan)] if names else []
    periods = list(features.cyclic.values())
    for name, format_name in features.amounts.items():
        values = amounts.parse_amounts(_dense(inputs[name], tf.string, ""), format_name)
        linear.append(values[:, tf.newaxis])
    for name, format_name in features.dates.items():
        date = dates.parse_dates(_dense(inputs[name], tf.string, ""), format_name)
        linear.append(date.days[:, tf.newaxis])
        by_period = {7.0: date.weekday, 365.25: date.day_of_year}
        if date.hours is not None:
            by_period[24.0] = date.hours
        cyclic.append(tf.stack(list(by_period.values()), axis=1))
        periods += by_period
    return linear, cyclic, periods


def _standardised(numbers: tf.Tensor) -> list[tf.Tensor]:
    """Mean 0 and deviation 1 by column, 0 where missing; and 1 where missing."""
    # TFT leaves NaN out of means and deviations; both are NaN for a column without any value.
    values = tft.scale_to_z_score(numbers, elementwise=True)
    values = tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)
    return [values, tf.cast(tf.math.is_nan(numbers), tf.float32)]


def _piecewise_linear(numbers: tf.Tensor, bins: int) -> tf.Tensor:
    """How far each value is through each interval between quantiles; 0 where missing.

    The piecewise linear encoding of Gorishniy et al., "On Embeddings for Numerical Features in
    Tabular Deep Learning" (2022). What lies beyond the outer quantiles, the standardised value
    says. An interval without width is a step just above it.
    """
    # Missing values fill the last intervals, which no value reaches. TFT would leave NaN out, and
    # a column that has nothing else too: its quantiles would be those of the next column.
    known = tf.where(tf.math.is_nan(numbers), numbers.dtype.max, numbers)
    # [columns, bins + 1], without the minimum and the maximum.
    edges = tft.quantiles(known, bins + 2, epsilon=_RANK_ERROR, reduce_instance_dims=False)
    low, high = edges[:, :-1], edges[:, 1:]
    above = numbers[:, :, tf.newaxis] - low
    step = tf.cast(above > 0, tf.float32)
    share = tf.where(high > low, tf.clip_by_value(above / (high - low), 0.0, 1.0), step)
    share = tf.where(tf.math.is_finite(share), share, tf.zeros_like(share))
    return tf.reshape(share, [-1, numbers.shape[1] * bins])


def _sine_and_cosine(numbers: tf.Tensor, periods: Iterable[float]) -> list[tf.Tensor]:
    """Points on the unit circle, by column; its centre where missing."""
    angle = numbers * tf.constant([2 * math.pi / period for period in periods], tf.float32)
    present = tf.logical_not(tf.math.is_nan(angle))
    return [tf.where(present, f(angle), tf.zeros_like(angle)) for f in (tf.sin, tf.cos)]


def _entries(inputs: Columns, features: FeaturesConfig, missing: Sequence[str]) -> tf.Tensor:
    """Entries of the vocabulary, string ``[batch, embedded]``."""
    words = []
    if features.categorical:
        given = _stacked(inputs, features.categorical, tf.string, "")
        absent = tf.reduce_any(given[..., tf.newaxis] == tf.constant(["", *missing]), axis=-1)
        words.append(tf.where(absent, "", given))
    if features.boolean:
        words.append(booleans.words_of(_stacked(inputs, features.boolean, tf.string, "")))
    return tf.constant([[*map(entry_prefix, features.embedded)]]) + tf.concat(words, axis=1)


def _stacked(
    inputs: Columns, names: Sequence[str], dtype: tf.DType, default: float | str
) -> tf.Tensor:
    """``[batch, names]`` values as ``dtype``, ``default`` where a row has none."""
    # Without this shape, a column that has no value in the batch is [batch, 0].
    shape = tf.stack([inputs[names[0]].dense_shape[0], 1])
    columns = [
        tf.SparseTensor(inputs[name].indices, _as(inputs[name].values, dtype), shape)
        for name in names
    ]
    dense = tf.sparse.to_dense(tf.sparse.concat(1, columns), default)
    return tf.ensure_shape(dense, [None, len(names)])


def _dense(column: tf.SparseTensor, dtype: tf.DType, default: float | str) -> tf.Tensor:
    """One column as ``[batch]`` values, ``default`` where a row has none."""
    return _stacked({"": column}, [""], dtype, default)[:, 0]


def _as(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if values.dtype == dtype:
        return values
    return tf.strings.as_string(values) if dtype == tf.string else tf.cast(values, dtype)
