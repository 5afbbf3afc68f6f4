"""Reads ExampleGen's rows for training, transformed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras

from huberflow.components.contracts import weights
from huberflow.components.contracts.artifact_files import split_folder
from huberflow.components.contracts.features import (
    TRUTH,
    VOCABULARY,
    WEIGHT,
    FeaturesConfig,
    entry_prefix,
)
from huberflow.components.contracts.node_config import TransformConfig
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import is_labelled, truth
from huberflow.components.serving.signatures import EXACT, Spec
from huberflow.custom_objects.input_error import InputError

Features: TypeAlias = Mapping[str, tf.Tensor]
Block = tuple[Features, tf.Tensor] | tuple[Features, tf.Tensor, tf.Tensor]
"""Features by name and label of some rows, and their weight where rows have one."""


def split_files(patterns: list[str], name: str) -> list[str]:
    """The files of one split; TFX passes the files of all evaluation splits in one list."""
    return [pattern for pattern in patterns if split_folder(name) in Path(pattern).parts]


def blocks(
    patterns: list[str],
    transform: tft.TFTransformOutput,
    layer: tf_keras.Model,
    config: TransformConfig,
    cache: str,
) -> tf.data.Dataset:
    """Transformed rows from gzipped raw examples, in blocks of some thousands.

    The transform graph runs in TensorFlow, once: the first pass writes its result to the file
    ``cache``. TFX's Transform would write it with Beam, row by row in Python, which takes many
    times as long. Each block is (features, label), or (features, label, weight) where the config
    names a weight; rows without a label are left out. The order repeats.
    """
    spec = raw_spec(transform, [*config.features.columns, *config.label_and_weight])

    def parse(batch: tf.Tensor) -> Block:
        features = layer(tf.io.parse_example(batch, spec))
        present = is_labelled(features[TRUTH])
        kept = {name: tf.boolean_mask(values, present) for name, values in features.items()}
        weights = [] if config.weight is None else [kept.pop(WEIGHT)]
        return kept, kept.pop(TRUTH), *weights

    return records(patterns).batch(_BLOCK_ROWS).map(parse).cache(cache)


_BLOCK_ROWS = 4096


def scale_weights(
    train: tf.data.Dataset, validation: tf.data.Dataset, column: str
) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    """Divides the weights of both by the mean weight of the train rows.

    Keras divides the loss by rows, not by weights: in another unit, steps would have another size,
    and regularizers another share of the loss.

    Args:
      train: blocks with weights.
      validation: the same.
      column: the column of the weights.

    Raises:
      InputError: a weight cannot be used, or all weights of a split are 0.
    """
    mean, _ = _mean_weight(train, column), _mean_weight(validation, column)

    def divided(features: Features, label: tf.Tensor, weight: tf.Tensor) -> Block:
        return features, label, weight / mean

    return train.map(divided), validation.map(divided)


def _mean_weight(rows: tf.data.Dataset, column: str) -> float:
    total, count = 0.0, 0
    for _, _, weight in rows.as_numpy_iterator():
        weights.check_weights(weight, column)
        total, count = total + weight.sum(dtype=np.float64), count + len(weight)
    if count and not total:
        raise InputError(
            "data.weight",
            expected=f"weights above 0 in {column!r} in the train and in the validation rows",
            received="0 in all rows of one of them",
        )
    return total / max(count, 1)


def labelled(serialized: Sequence[bytes], spec: Spec, target: Target) -> list[bytes]:
    """The rows that have a label, of serialized ``tf.Example``s."""
    raw = tf.io.parse_example(tf.constant(serialized, tf.string), spec)
    present = is_labelled(truth(raw, target)).numpy()
    return [row for row, has_label in zip(serialized, present, strict=True) if has_label]


def records(patterns: list[str]) -> tf.data.Dataset:
    """Serialized ``tf.Example``s from gzipped TFRecord files, file by file."""
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    return tf.data.TFRecordDataset(files, compression_type="GZIP")


def shuffled(rows: tf.data.Dataset, seed: int, most_blocks: int = 64) -> tf.data.Dataset:
    """Shuffles blocks, and rows within each block, in another order in every epoch.

    ExampleGen has mixed all rows already, so that any block is a random sample.
    """

    def permuted(number: tf.Tensor, block: Block) -> Block:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(tf.shape(block[1])[0]), seed=tf.stack([tf.cast(seed, tf.int64), number])
        )
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, order), block)

    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    mixed = rows.shuffle(most_blocks, seed=seed)
    return tf.data.Dataset.zip((numbers, mixed)).map(permuted)


def exact_columns(transform: tft.TFTransformOutput, features: FeaturesConfig) -> list[str]:
    """Columns of whole numbers of which the vocabulary has some that a float64 cannot be."""
    spec = transform.raw_feature_spec()
    whole = [name for name in features.embedded if spec[name].dtype == tf.int64]
    entries = transform.vocabulary_by_name(VOCABULARY) if whole else []
    return [name for name in whole if any(map(_is_large, _values_of(name, entries)))]


def _values_of(name: str, entries: Iterable[bytes]) -> Iterator[bytes]:
    prefix = entry_prefix(name).encode()
    return (entry.removeprefix(prefix) for entry in entries if entry.startswith(prefix))


def _is_large(number: bytes) -> bool:
    return bool(number) and abs(int(number)) >= EXACT


def raw_spec(transform: tft.TFTransformOutput, names: Iterable[str]) -> Spec:
    """How to parse these columns of a raw ``tf.Example``."""
    spec = transform.raw_feature_spec()
    return {name: spec[name] for name in names}
