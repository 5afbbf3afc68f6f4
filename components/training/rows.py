"""Reads ExampleGen's rows for training, transformed."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras

from huberflow.components.contracts import weights
from huberflow.components.contracts.features import TRUTH, columns, label_and_weight
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import is_labelled, truth

Block = tuple[Any, ...]
"""Features by name and label of some rows, and their weight where rows have one."""


def split_files(patterns: list[str], name: str) -> list[str]:
    """The files of one split: TFX passes those of all evaluation splits in one list."""
    return [pattern for pattern in patterns if f"Split-{name}" in Path(pattern).parts]


def blocks(
    patterns: list[str],
    transform: tft.TFTransformOutput,
    layer: tf_keras.Model,
    config: Mapping[str, Any],
    cache: str,
) -> tf.data.Dataset:
    """Transformed rows from gzipped raw examples, some thousands at a time, in a repeatable order.

    The transform graph runs here, in TensorFlow, once: the first pass writes its result to the
    file ``cache``. Transform's own copy, written by Beam row by row in Python, takes many times
    as long. Each element is (features, label), or (features, label, weight) where the config
    names one, for one block of rows; those without a label are left out.
    """
    spec = raw_spec(transform, [*columns(config["features"]), *label_and_weight(config)])

    def parse(batch: tf.Tensor) -> Block:
        features = layer(tf.io.parse_example(batch, spec))
        present = is_labelled(features[TRUTH])
        kept = {name: tf.boolean_mask(values, present) for name, values in features.items()}
        weights = [] if config["weight"] is None else [kept.pop(config["weight"])]
        return kept, kept.pop(TRUTH), *weights

    return records(patterns).batch(_BLOCK_ROWS).map(parse).cache(cache)


_BLOCK_ROWS = 4096


def relative(
    train: tf.data.Dataset, validation: tf.data.Dataset, column: str
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Both in a unit in which the weights of the train rows are 1 on average.

    Keras divides the loss by rows, not by weights: in another unit, steps would have another size,
    and regularizers another share of the loss.

    Args:
      train: blocks with weights.
      validation: the same.
      column: that holds the weights.

    Raises:
      ValueError: a weight cannot be used, or those of a split are all 0.
    """
    mean, _ = _mean_weight(train, column), _mean_weight(validation, column)

    def divided(features: Any, label: tf.Tensor, weight: tf.Tensor) -> Block:
        return features, label, weight / mean

    return train.map(divided), validation.map(divided)


def _mean_weight(rows: tf.data.Dataset, column: str) -> float:
    total, count = 0.0, 0
    for _, _, weight in rows.as_numpy_iterator():
        if wrong := weights.mistake(weight, column):
            raise ValueError(wrong)
        total, count = total + weight.sum(dtype=np.float64), count + len(weight)
    if count and not total:
        raise ValueError(
            f"data.weight: expected weights above 0 in {column!r}, received 0 in all rows to train "
            "on, or to validate on"
        )
    return total / max(count, 1)


def labelled(serialized: Sequence[bytes], spec: Mapping[str, Any], target: Target) -> list[bytes]:
    """The rows that have a label, of serialized ``tf.Example``s."""
    raw = tf.io.parse_example(tf.constant(serialized, tf.string), spec)
    present = is_labelled(truth(raw, target)).numpy()
    return [row for row, has_label in zip(serialized, present, strict=True) if has_label]


def records(patterns: list[str]) -> tf.data.Dataset:
    """Serialized ``tf.Example``s, file by file."""
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    return tf.data.TFRecordDataset(files, compression_type="GZIP")


def shuffled(rows: tf.data.Dataset, seed: int, most_blocks: int = 64) -> tf.data.Dataset:
    """Blocks in random order, rows in random order within each; anew in every epoch.

    ExampleGen has mixed all rows already, so that any block is a fair sample.
    """

    def permuted(number: tf.Tensor, block: Block) -> Block:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(tf.shape(block[1])[0]), seed=tf.stack([tf.cast(seed, tf.int64), number])
        )
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, order), block)

    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    mixed = rows.shuffle(most_blocks, seed=seed)
    return tf.data.Dataset.zip((numbers, mixed)).map(permuted)


def raw_spec(transform: tft.TFTransformOutput, names: Iterable[str]) -> dict[str, Any]:
    """How to parse these columns of a raw ``tf.Example``."""
    spec = transform.raw_feature_spec()
    return {name: spec[name] for name in names}
