"""ExampleGen for CSV, Parquet and TFRecords: takes columns as a whole, and mixes the rows.

TFX's own readers take the fields of CSV apart one by one, and a gzipped header for text; they tell
the types of its columns apart for each split that has its own files; from Parquet they lose every 0
and every empty text, and fail on dates. What writes for them holds all rows in memory.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import tensorflow as tf
from tfx import types
from tfx.components.example_gen import base_example_gen_executor
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from huberflow.components.data import csv_columns, mixing
from huberflow.components.data.arrow import plain_type
from huberflow.components.data.encoding import canonical, serialized
from huberflow.components.data.files import is_compressed

BATCH_ROWS = 4096


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """TFX's, which writes the rows of each split in random order: any are a fair sample.

    It refuses a split without rows: later nodes fail on it in other words.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the rows of each split.

        Raises:
          ValueError: there are none in one.
        """
        (examples,) = output_dict["examples"]
        files = mixing.files(_input_bytes(exec_properties))
        with (
            tempfile.TemporaryDirectory(dir=self._get_tmp_dir()) as aside,
            self._make_beam_pipeline() as pipeline,
        ):
            splits = self.GenerateExamplesByBeam(pipeline, exec_properties)
            examples.split_names = artifact_utils.encode_split_names(list(splits))
            for name, rows in splits.items():
                folder = artifact_utils.get_split_uri([examples], name)
                _ = rows | f"Write[{name}]" >> mixing.write(folder, files, aside)
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        for name in splits:
            _refuse_empty(name, artifact_utils.get_split_uri([examples], name))


class ParquetExecutor(Executor):
    """Whole numbers as int64, others as float32, text as it is; nothing where a value is missing.

    Dates become ISO text, booleans ``true`` and ``false``; see ``plain_type``.
    """

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """From the files of a split to its rows, serialized."""
        return _parquet_rows


class RecordExecutor(Executor):
    """TFRecords of ``tf.Example``s, as TFX's ``ImportExampleGen`` reads them."""

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """From the files of a split to its rows, serialized."""
        return _record_rows


class CsvExecutor(Executor):
    """The rows that TFX's ``CsvExampleGen`` reads, also from files whose names end in ``.gz``."""

    def GetInputSourceToExamplePTransform(self) -> Any:  # noqa: N802 (TFX's name)
        """From the files of a split to its rows, serialized."""
        return _csv_rows


EXECUTORS = {"csv": CsvExecutor, "parquet": ParquetExecutor, "tfrecord": RecordExecutor}


@beam.ptransform_fn
def _parquet_rows(pipeline: Any, exec_properties: Mapping[str, Any], split_pattern: str) -> Any:
    files = pipeline | "Files" >> beam.Create(_files(exec_properties, split_pattern))
    return files | "Rows" >> beam.FlatMap(_from_parquet).with_output_types(bytes)


def _from_parquet(file: Path) -> Iterator[bytes]:
    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(BATCH_ROWS):
            columns = {name: batch[name] for name in batch.schema.names}
            yield from serialized(
                {name: each.cast(plain_type(each.type)) for name, each in columns.items()}
            )


@beam.ptransform_fn
def _record_rows(pipeline: Any, exec_properties: Mapping[str, Any], split_pattern: str) -> Any:
    files = pipeline | "Files" >> beam.Create(_files(exec_properties, split_pattern))
    return files | "Rows" >> beam.FlatMap(_from_records).with_output_types(bytes)


def _from_records(file: Path) -> Iterator[bytes]:
    records = tf.data.TFRecordDataset(str(file), "GZIP" if is_compressed(file) else "")
    for batch in records.batch(BATCH_ROWS).as_numpy_iterator():
        yield from map(canonical, batch.tolist())


@beam.ptransform_fn
def _csv_rows(pipeline: Any, exec_properties: Mapping[str, Any], split_pattern: str) -> Any:
    return csv_rows(pipeline, exec_properties, [split_pattern])[split_pattern]


def csv_rows(
    pipeline: Any, exec_properties: Mapping[str, Any], patterns: Sequence[str]
) -> dict[str, Any]:
    """Rows of the files of each pattern, serialized; a column has one type in all of them.

    Every file is read twice: the types take all rows, and to keep those takes memory.
    """
    files = {
        pattern: pipeline | f"Files[{pattern}]" >> beam.Create(_files(exec_properties, pattern))
        for pattern in patterns
    }
    needed = (
        tuple(files.values())
        | beam.Flatten()
        | "Look" >> beam.Map(csv_columns.infer_types)
        | "Types" >> beam.CombineGlobally(csv_columns.common_types)
    )
    read = beam.FlatMap(_from_csv, beam.pvalue.AsSingleton(needed)).with_output_types(bytes)
    return {pattern: found | f"Rows[{pattern}]" >> read for pattern, found in files.items()}


def _from_csv(file: Path, needed: csv_columns.Types) -> Iterator[bytes]:
    for columns in csv_columns.read_typed(file, needed):
        yield from serialized(columns)


def _refuse_empty(split: str, folder: str) -> None:
    files = fileio.glob(os.path.join(folder, "*"))
    if not any(True for _ in tf.data.TFRecordDataset(files, "GZIP").take(1)):
        raise ValueError(
            f"data.splits: expected rows in {split}, received none; of few rows, hashes "
            f"may send none there; write a larger share: --set data.splits.{split}=9"
        )


def _input_bytes(exec_properties: Mapping[str, Any]) -> int:
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties["input_config"], config)
    files = {file for split in config.splits for file in _files(exec_properties, split.pattern)}
    return sum(file.stat().st_size for file in files)


def _files(exec_properties: Mapping[str, Any], split_pattern: str) -> list[Path]:
    pattern = os.path.join(exec_properties["input_base"], split_pattern)
    return [Path(file) for file in sorted(fileio.glob(pattern))]
