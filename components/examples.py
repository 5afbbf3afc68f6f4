"""Reads CSV, Parquet and TFRecords into ``tf.Example``s.

TFX's Parquet reader loses every 0 and every empty text, and fails on dates; its CSV reader takes a
gzipped header for text, and tells the types of columns apart for each split that has its own files.
"""

import gzip
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from pyarrow import types
from tfx.components.example_gen import base_example_gen_executor
from tfx.components.example_gen.csv_example_gen import executor as csv_executor
from tfx.components.example_gen.import_example_gen import executor as import_executor
from tfx.dsl.io import fileio
from tfx_bsl.coders import csv_decoder, example_coder

from components.arrow import plain_type

BATCH_ROWS = 4096


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """TFX's, which refuses a split without rows: later nodes fail on it in other words."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the rows of each split.

        Raises:
          ValueError: there are none in one.
        """
        super().Do(input_dict, output_dict, exec_properties)
        (examples,) = output_dict["examples"]
        for split in json.loads(examples.split_names):
            files = fileio.glob(os.path.join(examples.uri, f"Split-{split}", "*"))
            if not any(True for _ in tf.data.TFRecordDataset(files, "GZIP").take(1)):
                raise ValueError(
                    f"data.splits: expected rows in {split}, received none; of few rows, hashes "
                    f"may send none there; write a larger share: --set data.splits.{split}=9"
                )


class ParquetExecutor(Executor):
    """Whole numbers as int64, others as float32, text as it is; nothing where a value is missing.

    Dates become ISO text, booleans ``true`` and ``false``; see ``plain_type``.
    """

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """From the files of a split to its rows, serialized."""
        return _parquet_examples


class RecordExecutor(Executor, import_executor.Executor):
    """TFRecords of ``tf.Example``s, as TFX's ``ImportExampleGen``."""


class CsvExecutor(Executor):
    """As TFX's ``CsvExampleGen``, also for files whose names end in ``.gz``."""

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """From the files of a split to its rows."""
        return _csv_examples


EXECUTORS = {"csv": CsvExecutor, "parquet": ParquetExecutor, "tfrecord": RecordExecutor}


@beam.ptransform_fn
def _parquet_examples(pipeline: Any, exec_properties: Mapping[str, Any], split_pattern: str) -> Any:
    return (
        pipeline
        | "Files" >> beam.Create(_files(exec_properties, split_pattern))
        | "Rows" >> beam.FlatMap(_serialized).with_output_types(bytes)
    )


def _serialized(file: str) -> Iterator[bytes]:
    encoder = example_coder.RecordBatchToExamplesEncoder()
    with FileSystems.open(file) as stream, pq.ParquetFile(stream) as table:
        for batch in table.iter_batches(BATCH_ROWS):
            columns = {name: _lists(batch[name]) for name in batch.schema.names}
            yield from encoder.encode(pa.RecordBatch.from_pydict(columns))


def _lists(column: pa.Array) -> pa.Array:
    """A list of one value for each row; null where the row has none."""
    values = column.cast(plain_type(column.type))
    if types.is_floating(values.type):
        values = values.cast(pa.float32(), safe=False)
    elif types.is_null(values.type):
        values = values.cast(pa.float32())
    elif types.is_string(values.type):
        values = values.cast(pa.binary())
    offsets = pa.array(range(len(values) + 1), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=values.is_null())


@beam.ptransform_fn
def _csv_examples(pipeline: Any, exec_properties: Mapping[str, Any], split_pattern: str) -> Any:
    return csv_examples(pipeline, exec_properties, [split_pattern])[split_pattern]


def csv_examples(
    pipeline: Any, exec_properties: Mapping[str, Any], patterns: Sequence[str]
) -> dict[str, Any]:
    """Rows of the files of each pattern; a column has one type in all of them."""
    files = {pattern: _files(exec_properties, pattern) for pattern in patterns}
    with _text(files[patterns[0]][0]) as lines:
        names = lines.readline().strip().split(",")
    # As in TFX's reader.
    rows = {
        pattern: pipeline
        | f"Files[{pattern}]" >> beam.Create(files[pattern])
        | f"Records[{pattern}]" >> beam.FlatMap(_records).with_output_types(str)
        | f"Fields[{pattern}]" >> beam.ParDo(csv_decoder.ParseCSVLine(delimiter=","))
        | f"Rows[{pattern}]" >> beam.Keys()
        for pattern in patterns
    }
    inferrer = csv_decoder.ColumnTypeInferrer(names, skip_blank_lines=True)
    kinds = tuple(rows.values()) | beam.Flatten() | "Types" >> beam.CombineGlobally(inferrer)
    return {
        pattern: rows[pattern]
        | f"Examples[{pattern}]"
        >> beam.ParDo(csv_executor._ParsedCsvToTfExample(), beam.pvalue.AsSingleton(kinds))
        for pattern in patterns
    }


def _records(file: str) -> Iterator[str]:
    """All but the header; a record may go on over several lines, within quotes."""
    buffer = csv_executor._CsvLineBuffer()
    with _text(file) as lines:
        lines.readline()
        for line in lines:
            buffer.write(line)
            if buffer.is_complete_line():
                yield buffer.read()
    if not buffer.is_empty():
        raise ValueError(f"{file}: expected every quote to be closed, received an open one")


@contextmanager
def _text(file: str) -> Iterator[IO[str]]:
    with FileSystems.open(file, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        opened = gzip.GzipFile(fileobj=stream) if file.lower().endswith(".gz") else stream
        with io.TextIOWrapper(opened, encoding="utf-8", newline="\n") as lines:
            yield lines


def _files(exec_properties: Mapping[str, Any], split_pattern: str) -> list[str]:
    return sorted(fileio.glob(os.path.join(exec_properties["input_base"], split_pattern)))
