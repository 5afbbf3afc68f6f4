"""From raw columns to features: the same graph in training and in serving."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components import features as names


def preprocessing_fn(
    inputs: Mapping[str, tf.SparseTensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor]:
    """Raw columns to transformed features, and the label as it is.

    Every raw column is sparse, so that any of them may be missing from a row. Statistics
    (means, deviations, vocabularies) come from the train split alone, and none of them sees the
    label.

    Args:
      inputs: sparse ``[batch, 1]`` tensors by column.
      custom_config: ``features`` and ``label``, see ``components.features``.

    Returns:
      Dense ``[batch]`` tensors by the names of ``components.features``, and ``[batch]`` label.
    """
    features, label = custom_config["features"], custom_config["label"]
    outputs: dict[str, tf.Tensor] = {}
    for column in features["numeric"]:
        numbers = _as_float(inputs[column])
        outputs[names.value(column)] = _dense(tft.scale_to_z_score(numbers), 0.0)
        outputs[names.missing(column)] = 1.0 - _dense(_ones_like(numbers), 0.0)
    for column in features["categorical"]:
        outputs[names.index(column)] = _vocabulary_index(column, inputs[column], features)
    for column, period in features["cyclic"].items():
        angle = _map(_as_float(inputs[column]), lambda x, period=period: x * (2 * math.pi / period))
        outputs[names.sine(column)] = _dense(_map(angle, tf.sin), 0.0)
        outputs[names.cosine(column)] = _dense(_map(angle, tf.cos), 0.0)
    outputs[label] = _dense(_as_float(inputs[label]), math.nan)
    return outputs


def _vocabulary_index(
    column: str, values: tf.SparseTensor, features: Mapping[str, Any]
) -> tf.Tensor:
    if values.dtype != tf.string:
        values = _map(values, tf.strings.as_string)
    known = tft.compute_and_apply_vocabulary(
        values,
        top_k=features["vocabulary_size"],
        num_oov_buckets=1,
        vocab_filename=column,
    )
    return _dense(known, -1) + 1


def _map(sparse: tf.SparseTensor, function: Any) -> tf.SparseTensor:
    return tf.SparseTensor(sparse.indices, function(sparse.values), sparse.dense_shape)


def _as_float(sparse: tf.SparseTensor) -> tf.SparseTensor:
    return _map(sparse, lambda x: tf.cast(x, tf.float32))


def _ones_like(sparse: tf.SparseTensor) -> tf.SparseTensor:
    return _map(sparse, tf.ones_like)


def _dense(sparse: tf.SparseTensor, default: Any) -> tf.Tensor:
    """``[batch]`` values, ``default`` where the row has none."""
    column = tf.SparseTensor(sparse.indices, sparse.values, [sparse.dense_shape[0], 1])
    return tf.squeeze(tf.sparse.to_dense(column, default), axis=1)
