"""Writes columns of Arrow as serialized ``tf.Example``s, batch by batch."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import types
from tfx_bsl.coders import example_coder

from huberflow.components.contracts.amount_formats import AmountFormat


def serialize_rows(columns: Mapping[str, pa.Array]) -> Iterator[bytes]:
    """The rows as TFX's readers write them: a missing value is an empty list of the column's type.

    Args:
      columns: of one length; int64, float, string, or null if no row has a value.
    """
    batch = pa.RecordBatch.from_pydict({name: _lists(each) for name, each in columns.items()})
    yield from map(canonical, example_coder.RecordBatchToExamplesEncoder().encode(batch))


def canonical(row: bytes) -> bytes:
    """The same row with its columns in the order of their names.

    Protobuf writes them in any order, and TFX splits rows by a hash of their bytes.
    """
    return tf.train.Example.FromString(row).SerializeToString(deterministic=True)


def with_floats(row: bytes, columns: Collection[str], amounts: Mapping[str, str]) -> bytes:
    """The same row with floats in place of some values.

    Args:
      row: serialized.
      columns: those of whole numbers.
      amounts: those of texts, and their formats; a text in another format is a missing value.
    """
    if not columns and not amounts:
        return row
    example = tf.train.Example.FromString(row)
    features = example.features.feature
    for name in columns:
        if name in features and features[name].HasField("int64_list"):
            floats = tf.train.FloatList(value=features[name].int64_list.value)
            features[name].CopyFrom(tf.train.Feature(float_list=floats))
    for name, format_name in amounts.items():
        if name in features and features[name].HasField("bytes_list"):
            form = AmountFormat(format_name)
            texts = (text.decode() for text in features[name].bytes_list.value)
            numbers = [number for number in map(form.number, texts) if number is not None]
            floats = tf.train.FloatList(value=numbers)
            features[name].CopyFrom(tf.train.Feature(float_list=floats))
    return example.SerializeToString(deterministic=True)


def _lists(column: pa.Array) -> pa.Array:
    """A list for each row, of its value or empty."""
    if types.is_null(column.type):
        return pa.nulls(len(column), pa.list_(pa.float32()))
    values = column.drop_null()
    if types.is_floating(values.type):
        values = values.cast(pa.float32(), safe=False)
    elif types.is_string(values.type):
        values = values.cast(pa.binary())
    present = column.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, values)
