"""Splits rows by a column, or by the files that they lie in.

TFX's own ExampleGen splits by hashes only, of rows or of a column's values; from files of their own
for each split it draws no validation rows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.proto import example_gen_pb2
from tfx.utils import proto_utils

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.data import examples

SPLITS = ("train", "validation", "eval")


def split_of(row: bytes | tf.train.Example, rule: Mapping[str, Any], file: str) -> str | None:
    """The split of a row; None where it has no date, and is set aside.

    Args:
      row: a ``tf.Example``, serialized or not.
      rule: plain JSON: ``column``, which says the split, or null; ``values``, the split of each of
        its values, or ``days``, how its dates are ``written`` and the first day of ``validation``
        and ``eval``; ``draw``, in which shares rows to train on are drawn by hash for ``train``
        and ``validation``, or null.
      file: split of the file that the row lies in; any, where a column decides.

    Raises:
      ValueError: the row's value of the column stands for no split.
    """
    example = tf.train.Example.FromString(row) if isinstance(row, bytes) else row
    said = _said(example, rule) if rule["column"] else file
    return _drawn(example, rule["draw"]) if said == "train" and rule["draw"] else said


def _said(example: tf.train.Example, rule: Mapping[str, Any]) -> str | None:
    """What the row's column says."""
    value = _value(example, rule["column"])
    if rule["days"]:
        if not value:
            return None
        return _by_day(DATE_FORMATS[rule["days"]["written"]].day(value), rule["days"])
    if value not in rule["values"]:
        raise ValueError(
            f"data.splits.values: expected one of {', '.join(rule['values'])} in every row of "
            f"{rule['column']!r}, received {value!r}"
        )
    return str(rule["values"][value])


def _by_day(value: date, first: Mapping[str, str]) -> str:
    if value < date.fromisoformat(first["validation"]):
        return "train"
    return "validation" if value < date.fromisoformat(first["eval"]) else "eval"


def _value(example: tf.train.Example, column: str) -> str | None:
    """As text; None where the row has none."""
    features = example.features.feature
    if column not in features:  # asking for it would add it to the row
        return None
    kind = features[column].WhichOneof("kind")
    values = getattr(features[column], kind).value if kind else []
    if not values:
        return None
    return values[0].decode() if kind == "bytes_list" else str(values[0])


def _drawn(example: tf.train.Example, shares: Mapping[str, int]) -> str:
    """By the row's content alone: the same in every process, in whichever order columns come."""
    digest = hashlib.sha256(example.SerializeToString(deterministic=True)).digest()
    place = int.from_bytes(digest) % (shares["train"] + shares["validation"])
    return "train" if place < shares["train"] else "validation"


class _SplitExecutor(examples.Executor):
    """Reads each file once, however many splits its rows go to."""

    def GenerateExamplesByBeam(  # noqa: N802 (TFX's name)
        self, pipeline: Any, exec_properties: dict[str, Any]
    ) -> dict[str, Any]:
        """Rows of each split."""
        told = example_gen_pb2.Input()
        proto_utils.json_to_proto(exec_properties["input_config"], told)
        # Where no file has validation rows, they share the pattern of the train rows.
        files = {split.pattern: split.name for split in reversed(told.splits)}
        rule = json.loads(exec_properties["custom_config"])
        found = self.rows(pipeline, exec_properties, list(files))
        parts = [
            found[pattern] | f"Split[{name}]" >> beam.Partition(_place, len(SPLITS) + 1, rule, name)
            for pattern, name in files.items()
        ]
        return {
            name: [part[place] for part in parts] | f"Together[{name}]" >> beam.Flatten()
            for place, name in enumerate(SPLITS)
        }

    def rows(
        self, pipeline: Any, exec_properties: dict[str, Any], patterns: Sequence[str]
    ) -> dict[str, Any]:
        """Rows of the files of each pattern."""
        read = self.GetInputSourceToExamplePTransform()
        return {
            pattern: pipeline | f"Read[{pattern}]" >> read(exec_properties, pattern)
            for pattern in patterns
        }


def _place(row: bytes | tf.train.Example, places: int, rule: Mapping[str, Any], file: str) -> int:
    said = split_of(row, rule, file)
    return SPLITS.index(said) if said else places - 1


class CsvSplitExecutor(_SplitExecutor, examples.CsvExecutor):
    """Of CSV, gzipped or not; a column has one type in all files."""

    def rows(
        self, pipeline: Any, exec_properties: dict[str, Any], patterns: Sequence[str]
    ) -> dict[str, Any]:
        """Rows of the files of each pattern."""
        return examples.csv_rows(pipeline, exec_properties, patterns)


class ParquetSplitExecutor(_SplitExecutor, examples.ParquetExecutor):
    """Of Parquet."""


class RecordSplitExecutor(_SplitExecutor, examples.RecordExecutor):
    """Of TFRecords of ``tf.Example``s."""


EXECUTORS = {
    "csv": CsvSplitExecutor,
    "parquet": ParquetSplitExecutor,
    "tfrecord": RecordSplitExecutor,
}
