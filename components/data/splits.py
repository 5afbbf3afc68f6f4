"""Splits rows by the values of a column, by groups, or by the files that hold them.

TFX's own ExampleGen splits by hashes only; of a column's values it takes only texts and whole
numbers, and ends where one is missing. It draws no validation rows where each split has its own
files.
"""

import hashlib
from datetime import date

import apache_beam as beam
import tensorflow as tf
from tfx.proto import example_gen_pb2
from tfx.utils import proto_utils

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.contracts.node_config import DrawnShares, ExampleGenConfig, SplitDays
from huberflow.components.data import examples
from huberflow.components.data.examples import Properties
from huberflow.custom_objects.input_error import InputError

SPLITS = ("train", "validation", "eval")


def split_of(example: tf.train.Example, config: ExampleGenConfig, file_split: str) -> str | None:
    """The split of a row; None for a row to drop, which has no date or no group.

    Args:
      example: the row.
      config: how rows are split.
      file_split: split of the file that holds the row; ignored where a column decides.

    Raises:
      InputError: the row's value of the column has no split.
    """
    if config.group is not None and config.draw:
        value = _value(example, config.group)
        return _draw(value.encode(), config.draw) if value else None
    split = _by_column(example, config) if config.column else file_split
    if split != "train" or not config.draw:
        return split
    # The row's content alone decides: the same in every process and order of columns.
    return _draw(example.SerializeToString(deterministic=True), config.draw)


def _by_column(example: tf.train.Example, config: ExampleGenConfig) -> str | None:
    value = _value(example, str(config.column))
    if config.days:
        return _by_day(value or "", config.days)
    if value is None or value not in config.values:
        expected = f"one of {', '.join(config.values)} in every row of {config.column!r}"
        raise InputError("data.splits.values", expected=expected, received=repr(value))
    return config.values[value]


def _by_day(text: str, first: SplitDays) -> str | None:
    day = DATE_FORMATS[first.written].day(text)
    if day is None:
        return None
    if day < date.fromisoformat(first.validation):
        return "train"
    return "validation" if day < date.fromisoformat(first.eval) else "eval"


def _value(example: tf.train.Example, column: str) -> str | None:
    """The row's value as text; None where it is missing."""
    features = example.features.feature
    if column not in features:  # asking for it would add it to the row
        return None
    kind = features[column].WhichOneof("kind")
    values = getattr(features[column], kind).value if kind else []
    if not values:
        return None
    if kind == "bytes_list":
        return values[0].decode()
    is_whole = isinstance(values[0], float) and values[0].is_integer()
    return str(int(values[0]) if is_whole else values[0])


def _draw(content: bytes, shares: DrawnShares) -> str:
    """Draws by a hash."""
    digest = hashlib.sha256(content).digest()
    place = int.from_bytes(digest) % (shares.train + shares.validation + shares.eval)
    if place < shares.train:
        return "train"
    return "validation" if place < shares.train + shares.validation else "eval"


class _SplitExecutor(examples.Executor):
    """Reads each file once, for all splits that its rows go to."""

    def GenerateExamplesByBeam(  # noqa: N802 (TFX's name)
        self, pipeline: beam.Pipeline, exec_properties: Properties
    ) -> dict[str, beam.PCollection]:
        """The rows of each split."""
        files = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties["input_config"], files)
        # Where no file has validation rows, they share the pattern of the train rows.
        split_names = {split.pattern: split.name for split in reversed(files.splits)}
        config = ExampleGenConfig.from_text(exec_properties["custom_config"])
        rows = self.rows(pipeline, exec_properties, list(split_names))
        partitions = [
            rows[pattern]
            | f"Split[{name}]" >> beam.Partition(_partition, len(SPLITS) + 1, config, name)
            for pattern, name in split_names.items()
        ]
        return {
            name: [each[number] for each in partitions] | f"Together[{name}]" >> beam.Flatten()
            for number, name in enumerate(SPLITS)
        }


def _partition(row: bytes, count: int, config: ExampleGenConfig, name: str) -> int:
    """The number of the row's split; the last of ``count`` partitions is dropped."""
    split = split_of(tf.train.Example.FromString(row), config, name)
    return SPLITS.index(split) if split else count - 1


class CsvSplitExecutor(_SplitExecutor, examples.CsvExecutor):
    """Reads CSV, compressed by gzip or not; a column has one type in all files."""


class ParquetSplitExecutor(_SplitExecutor, examples.ParquetExecutor):
    """Reads Parquet."""


class RecordSplitExecutor(_SplitExecutor, examples.RecordExecutor):
    """Reads TFRecords of ``tf.Example``s."""


EXECUTORS = {
    "csv": CsvSplitExecutor,
    "parquet": ParquetSplitExecutor,
    "tfrecord": RecordSplitExecutor,
}
