"""From raw columns to features: the same graph in training and in serving."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.features import INDICES, NUMBERS


def preprocessing_fn(
    inputs: Mapping[str, tf.SparseTensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor]:
    """Raw columns to the tensors of ``components.features``, and the label as it is.

    Every raw column is sparse, so that any of them may be missing from a row. Statistics
    (means, deviations, vocabularies) come from the train split alone, and none of them sees the
    label.

    Args:
      inputs: sparse ``[batch, 1]`` tensors by column.
      custom_config: ``features`` and ``label``, see ``components.features``.

    Returns:
      ``numbers`` and ``indices``, where there are such columns, and the ``[batch]`` float label.
    """
    features, label = custom_config["features"], custom_config["label"]
    numbers = [
        *(tensor for column in features["numeric"] for tensor in _numeric(inputs[column])),
        *(
            tensor
            for column, period in features["cyclic"].items()
            for tensor in _cyclic(inputs[column], period)
        ),
    ]
    outputs = {label: _dense(_as_float(inputs[label]), math.nan)}
    if numbers:
        outputs[NUMBERS] = tf.stack(numbers, axis=1)
    if features["categorical"]:
        outputs[INDICES] = _categorical(inputs, features)
    return outputs


def _numeric(values: tf.SparseTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Standardised, 0 (the mean) where missing; and 1 where missing."""
    numbers = _as_float(values)
    present = _map(numbers, tf.ones_like)
    return _dense(tft.scale_to_z_score(numbers), 0.0), 1.0 - _dense(present, 0.0)


def _cyclic(values: tf.SparseTensor, period: float) -> tuple[tf.Tensor, tf.Tensor]:
    """A point on the unit circle; its centre where missing."""
    angle = _map(_as_float(values), lambda x: x * (2 * math.pi / period))
    return _dense(_map(angle, tf.sin), 0.0), _dense(_map(angle, tf.cos), 0.0)


def _categorical(inputs: Mapping[str, tf.SparseTensor], features: Mapping[str, Any]) -> tf.Tensor:
    columns, offset = [], tf.constant(0, tf.int64)
    for column in features["categorical"]:
        values = inputs[column]
        if values.dtype != tf.string:
            values = _map(values, tf.strings.as_string)
        known = tft.compute_and_apply_vocabulary(
            values, top_k=features["vocabulary_size"], num_oov_buckets=1, vocab_filename=column
        )
        columns.append(offset + 1 + _dense(known, -1))
        offset += 2 + tft.experimental.get_vocabulary_size_by_name(column)
    return tf.stack(columns, axis=1)


def _map(sparse: tf.SparseTensor, function: Any) -> tf.SparseTensor:
    return tf.SparseTensor(sparse.indices, function(sparse.values), sparse.dense_shape)


def _as_float(sparse: tf.SparseTensor) -> tf.SparseTensor:
    return _map(sparse, lambda x: tf.cast(x, tf.float32))


def _dense(sparse: tf.SparseTensor, default: Any) -> tf.Tensor:
    """``[batch]`` values, ``default`` where the row has none."""
    column = tf.SparseTensor(sparse.indices, sparse.values, [sparse.dense_shape[0], 1])
    return tf.squeeze(tf.sparse.to_dense(column, default), axis=1)
