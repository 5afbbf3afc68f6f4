"""Reads the rows of any source, in order, a bounded number at a time.

TFRecords import TensorFlow, which takes seconds.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from huberflow.components.data import amounts, csv_reading, missing
from huberflow.components.data.arrow_types import PLAIN, plain_table, plain_type
from huberflow.components.data.csv_columns import ColumnTypes
from huberflow.components.data.files import Source, check_names, unreadable_file
from huberflow.components.data.partitions import partition_types, with_partitions
from huberflow.custom_objects.input_error import InputError

PARQUET_ROWS, _RECORDS = 2**16, 2**14
"""In a batch."""

_GRAPH_DETAILS = re.compile(r"\{\{.*?\}\}|\[Op:.*", re.DOTALL)
"""The part of TensorFlow's messages about its graph."""


def read_batches(source: Source) -> Iterator[pa.Table]:
    """All rows, in the types of ``arrow_types``; in CSV all values are text.

    Null are missing values, those with a text of ``source.missing`` too; ``source.amounts`` are
    float64.

    Raises:
      InputError: a file is damaged, its columns or their types differ from those before, or TFX
        would read it wrongly.
    """
    readers = {
        "csv": csv_reading.read_batches,
        "parquet": _from_parquet,
        "tfrecord": _from_tfrecords,
    }
    for table in readers[source.file_format](source):
        yield amounts.as_numbers(missing.without(table, source.missing), source.amounts)


def _from_parquet(source: Source) -> Iterator[pa.Table]:
    """All rows of Parquet files, each column in the type that holds the values of all files."""
    types = _parquet_types(source)
    for file in source.files:
        with _read_errors(file), pq.ParquetFile(file) as table:
            for batch in table.iter_batches(PARQUET_ROWS):
                rows = with_partitions(file, pa.Table.from_batches([batch]))
                yield plain_table(str(file), rows, types)


def _parquet_types(source: Source) -> ColumnTypes:
    """The types of the columns, which must be those of the first file.

    Raises:
      InputError: a file lacks a column, or has numbers where another has text.
    """
    first: ColumnTypes = {}
    types: dict[str, pa.DataType] = {}
    for file in source.files:
        with _read_errors(file):
            schema = pq.read_schema(file)
        check_names(str(file), schema.names)
        own = dict(zip(schema.names, schema.types, strict=True))
        own |= partition_types(file, own)
        first = first or own
        for name in dict.fromkeys([*first, *own]):
            widest = _wider(types.get(name), own.get(name))
            if widest is None and name in own.keys() & first.keys() - {*schema.names}:
                widest = pa.string()  # of the names of folders
            if name not in first or widest is None:
                wanted = first.get(name, "no column")
                expected = f"the columns of {source.files[0].name}, where {name} is {wanted}"
                received = str(own.get(name, "no column"))
                raise InputError(str(file), expected=expected, received=received)
            types[name] = widest
    return types


def _wider(one: pa.DataType | None, other: pa.DataType | None) -> pa.DataType | None:
    """The plain type that holds the values of both; None if none does."""
    if other is None:
        return None
    wide, plain = one or pa.null(), plain_type(other)
    if wide == plain or pa.types.is_null(plain):
        return wide
    if pa.types.is_null(wide) or not {wide, plain} & {*PLAIN}:
        return plain
    numbers = PLAIN[:-1]
    return max(wide, plain, key=numbers.index) if {wide, plain} <= {*numbers} else None


@contextmanager
def _read_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise unreadable_file(file, error) from error


def _from_tfrecords(source: Source) -> Iterator[pa.Table]:
    """All records of TFRecord files; a feature without a value is null."""
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    decoder = ExamplesToRecordBatchDecoder()
    types: dict[str, pa.DataType] = {}
    for file in source.files:
        record = 1
        for records in _records(file, source.compressed):
            where = f"{file}, from record {record}"
            try:
                batch = decoder.DecodeBatch(records)
            except Exception as error:  # tfx_bsl raises what pybind makes of its C++ status
                reason = " ".join(str(error).split())
                raise InputError(
                    where, expected="tf.Examples, each feature of one type", received=reason
                ) from error
            yield plain_table(where, _flat(where, batch, types))
            record += len(records)


def _records(file: Path, compressed: bool) -> Iterator[list[bytes]]:
    import tensorflow as tf

    dataset = tf.data.TFRecordDataset(str(file), "GZIP" if compressed else "").batch(_RECORDS)
    try:
        for batch in dataset.as_numpy_iterator():
            yield batch.tolist()
    except tf.errors.OpError as error:
        raise unreadable_file(file, _GRAPH_DETAILS.sub("", error.message)) from error


def _flat(where: str, batch: pa.RecordBatch, types: dict[str, pa.DataType]) -> pa.Table:
    """Features of at most one value as columns of values; the others stay lists."""
    check_names(where, batch.schema.names)
    columns = {}
    for name, lists in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_null(lists.type):
            columns[name] = lists
            continue
        stored = lists.type.value_type
        if types.setdefault(name, stored) != stored:
            raise InputError(
                where,
                expected=f"{name} of one type in all records",
                received=f"{types[name]} and {stored}",
            )
        columns[name] = _single(lists)
    return pa.table(columns)


def _single(lists: pa.LargeListArray) -> pa.Array:
    """The single values, null where missing; the lists if a record has several values, or bytes."""
    lengths = pc.list_value_length(lists).fill_null(0)
    if pc.max(lengths).as_py() > 1:
        return lists
    places = pc.if_else(pc.equal(lengths, 1), pc.subtract(pc.cumulative_sum(lengths), 1), None)
    values = lists.flatten().take(places)
    try:
        return values.cast(pa.string()) if pa.types.is_large_binary(values.type) else values
    except pa.ArrowInvalid:  # bytes that are no text, such as an image
        return lists
