"""Executors of ExampleGen for CSV, Parquet and TFRecords, which read by columns and mix the rows.

TFX's own readers parse CSV field by field, do not decompress its header, and infer the types of its
columns for each split with files of its own; from Parquet they lose every 0 and every empty text,
and fail on dates. They write with all rows in memory.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import apache_beam as beam
import tensorflow as tf
from tfx import types as tfx_types
from tfx.components.example_gen import base_example_gen_executor
from tfx.components.util import examples_utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from huberflow.components.contracts.node_config import ExampleGenConfig
from huberflow.components.data import csv_columns, mixing, parquet_columns
from huberflow.components.data.encoding import canonical, serialize_rows, with_floats
from huberflow.components.data.files import is_compressed
from huberflow.custom_objects.input_error import InputError

BATCH_ROWS = 4096

Properties: TypeAlias = Mapping[str, Any]
"""A node's parameters, as TFX passes them."""


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """Writes the rows of each split in random order, so that any part is a fair sample.

    A split without rows is refused; later nodes would fail on it without naming the reason.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx_types.Artifact]],
        output_dict: dict[str, list[tfx_types.Artifact]],
        exec_properties: Properties,
    ) -> None:
        """Writes the rows of each split.

        Raises:
          InputError: a split has no rows.
        """
        (examples,) = output_dict["examples"]
        files = mixing.count_files(_input_bytes(exec_properties))
        with (
            tempfile.TemporaryDirectory(dir=self._get_tmp_dir()) as temporary,
            self._make_beam_pipeline() as pipeline,
        ):
            splits = self.GenerateExamplesByBeam(pipeline, exec_properties)
            config = _config(exec_properties)
            floats = beam.Map(with_floats, [*config.fractions, *config.amounts], config.amounts)
            examples.split_names = artifact_utils.encode_split_names(list(splits))
            for name, rows in splits.items():
                folder = artifact_utils.get_split_uri([examples], name)
                rows |= f"Floats[{name}]" >> floats.with_output_types(bytes)
                _ = rows | f"Write[{name}]" >> mixing.write_mixed(folder, files, temporary)
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        for name in splits:
            _refuse_empty(name, artifact_utils.get_split_uri([examples], name))

    def GetInputSourceToExamplePTransform(self) -> Callable[..., beam.PTransform]:  # noqa: N802 (TFX's name)
        """The transform from the files of a split to its rows, serialized."""

        @beam.ptransform_fn
        def rows(
            pipeline: beam.Pipeline, exec_properties: Properties, split_pattern: str
        ) -> beam.PCollection:
            return self.rows(pipeline, exec_properties, [split_pattern])[split_pattern]

        return rows

    def rows(
        self, pipeline: beam.Pipeline, exec_properties: Properties, patterns: Sequence[str]
    ) -> dict[str, beam.PCollection]:
        """The rows of the files of each pattern, serialized."""
        files = {
            pattern: pipeline | f"Files[{pattern}]" >> beam.Create(_files(exec_properties, pattern))
            for pattern in patterns
        }
        config = _config(exec_properties)
        read = self.reader(tuple(files.values()), config).with_output_types(bytes)
        return {pattern: each | f"Rows[{pattern}]" >> read for pattern, each in files.items()}

    def reader(
        self, files: tuple[beam.PCollection, ...], config: ExampleGenConfig
    ) -> beam.PTransform:
        """The transform from a file to its rows, serialized.

        Args:
          files: all that it will get.
          config: which texts are missing values, and which columns are text.
        """
        raise NotImplementedError


class ParquetExecutor(Executor):
    """Reads Parquet: whole numbers as int64, other numbers as float32, other types as text.

    Dates become ISO text, booleans ``true`` and ``false``; see ``plain_type``. Lists, structures
    and the like are left out.
    """

    def reader(
        self, files: tuple[beam.PCollection, ...], config: ExampleGenConfig
    ) -> beam.PTransform:
        """Gives a column one type in all files; only their metadata are read twice."""
        types = _common_types(files, parquet_columns.column_types)
        return beam.FlatMap(_from_parquet, types, config.missing)


class RecordExecutor(Executor):
    """Reads TFRecords of ``tf.Example``s, as TFX's ``ImportExampleGen`` does."""

    def reader(
        self, files: tuple[beam.PCollection, ...], config: ExampleGenConfig
    ) -> beam.PTransform:
        """Passes records on; Transform leaves out the texts that are missing values."""
        return beam.FlatMap(_from_records)


class CsvExecutor(Executor):
    """Reads CSV as TFX's ``CsvExampleGen`` does, and files whose names end in ``.gz`` too."""

    def reader(
        self, files: tuple[beam.PCollection, ...], config: ExampleGenConfig
    ) -> beam.PTransform:
        """Gives a column one type in all files.

        Every file is read twice: the types depend on all rows, which do not fit into memory.
        """
        infer = partial(csv_columns.infer_types, absent=config.missing, texts=config.texts)
        return beam.FlatMap(_from_csv, _common_types(files, infer), config.missing)


EXECUTORS = {"csv": CsvExecutor, "parquet": ParquetExecutor, "tfrecord": RecordExecutor}


def _common_types(
    files: tuple[beam.PCollection, ...], types_of: Callable[[Path], csv_columns.ColumnTypes]
) -> beam.pvalue.AsSingleton:
    """The columns' types that hold the values of all files."""
    types = (
        files
        | beam.Flatten()
        | "Infer" >> beam.Map(types_of)
        | "Types" >> beam.CombineGlobally(csv_columns.common_types)
    )
    return beam.pvalue.AsSingleton(types)


def _from_parquet(
    file: Path, types: csv_columns.ColumnTypes, absent: tuple[str, ...]
) -> Iterator[bytes]:
    for columns in parquet_columns.read_typed(file, types, BATCH_ROWS, absent):
        yield from serialize_rows(columns)


def _from_records(file: Path) -> Iterator[bytes]:
    records = tf.data.TFRecordDataset(str(file), "GZIP" if is_compressed(file) else "")
    for batch in records.batch(BATCH_ROWS).as_numpy_iterator():
        yield from map(canonical, batch.tolist())


def _from_csv(
    file: Path, types: csv_columns.ColumnTypes, absent: tuple[str, ...]
) -> Iterator[bytes]:
    for columns in csv_columns.read_typed(file, types, absent):
        yield from serialize_rows(columns)


def _config(exec_properties: Properties) -> ExampleGenConfig:
    config = exec_properties.get("custom_config")
    return ExampleGenConfig.from_text(config) if config else ExampleGenConfig(source={})


def _refuse_empty(split: str, folder: str) -> None:
    files = fileio.glob(os.path.join(folder, "*"))
    if not any(True for _ in tf.data.TFRecordDataset(files, "GZIP").take(1)):
        raise InputError(
            f"data.splits.{split}",
            expected=f"rows in {split}",
            received="none",
            hint="of few rows, hashes may send none there; give the split a larger share",
            write=f"--set data.splits.{split}=9",
        )


def _input_bytes(exec_properties: Properties) -> int:
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties["input_config"], config)
    files = {file for split in config.splits for file in _files(exec_properties, split.pattern)}
    return sum(file.stat().st_size for file in files)


def _files(exec_properties: Properties, split_pattern: str) -> list[Path]:
    pattern = os.path.join(exec_properties["input_base"], split_pattern)
    return [Path(file) for file in sorted(fileio.glob(pattern))]
