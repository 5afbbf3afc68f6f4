"""Rows of Parquet and of CSV, as TFX's ExampleGen passes them on."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from decimal import Decimal

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components import examples


def rows(executor, folder, pattern):
    """Every row as TFX gets it, columns without a value left out."""
    transform = executor.GetInputSourceToExamplePTransform(executor.__new__(executor))
    with beam.Pipeline("FnApiRunner") as pipeline:
        _ = (
            pipeline
            | transform({"input_base": str(folder)}, pattern)
            | beam.Map(lambda row: row if isinstance(row, bytes) else row.SerializeToString())
            | beam.io.WriteToTFRecord(str(folder / "rows"), shard_name_template="")
        )
    records = tf.data.TFRecordDataset(str(folder / "rows")).as_numpy_iterator()
    return sorted((values(tf.train.Example.FromString(record)) for record in records), key=str)


def values(example):
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in sorted(example.features.feature.items())
        if feature.WhichOneof("kind") and getattr(feature, feature.WhichOneof("kind")).value
    }


class TestParquet:
    @pytest.fixture
    def read(self, tmp_path):
        def read(**columns):
            pq.write_table(pa.table(columns), tmp_path / "a.parquet")
            return rows(examples.ParquetExecutor, tmp_path, "*.parquet")

        return read

    def test_zero_and_empty_are_values(self, read):
        """TFX's own reader loses them."""
        assert read(x=[0], y=[0.0], z=[""]) == [{"x": [0], "y": [0.0], "z": [b""]}]

    def test_missing_is_nothing(self, read):
        assert read(x=[None, 1], y=[1.5, None]) == [{"x": [1]}, {"y": [1.5]}]

    def test_a_column_without_a_value_is_missing_in_every_row(self, read):
        assert read(x=[1], y=pa.nulls(1)) == [{"x": [1]}]

    @pytest.mark.parametrize(
        ("value", "kind", "expected"),
        [
            (date(2024, 5, 17), pa.date32(), b"2024-05-17"),
            (datetime(2024, 5, 17, 8, 30), pa.timestamp("ms"), b"2024-05-17 08:30:00.000"),
            (True, pa.bool_(), b"true"),
            (7, pa.int8(), 7),
            (Decimal("1.5"), pa.decimal128(5, 2), 1.5),
            ("a", pa.dictionary(pa.int8(), pa.string()), b"a"),
            ("a", pa.large_string(), b"a"),
        ],
    )
    def test_types_become_the_few_that_examples_have(self, read, value, kind, expected):
        assert read(x=pa.array([value], kind)) == [{"x": [expected]}]

    def test_rows_of_many_batches_and_files_are_all_there(self, tmp_path, monkeypatch):
        monkeypatch.setattr(examples, "BATCH_ROWS", 3)
        for number in range(2):
            pq.write_table(
                pa.table({"x": range(10 * number, 10 * number + 10)}),
                tmp_path / f"{number}.parquet",
            )
        found = rows(examples.ParquetExecutor, tmp_path, "*.parquet")
        assert sorted(row["x"][0] for row in found) == list(range(20))


class TestCsv:
    @pytest.mark.parametrize(("suffix", "opened"), [("csv", open), ("csv.gz", gzip.open)])
    def test_a_column_has_one_type_in_all_files(self, tmp_path, suffix, opened):
        for name, body in (("a", "1,North\n2,\n"), ("b", ',South\n2.5,"an ""old""\ntown"\n')):
            with opened(tmp_path / f"{name}.{suffix}", "wt") as file:
                file.write(f"rooms,district\n{body}")
        assert rows(examples.CsvExecutor, tmp_path, f"*.{suffix}") == [
            {"district": [b"North"], "rooms": [1.0]},
            {"district": [b"South"]},
            {"district": [b'an "old"\ntown'], "rooms": [2.5]},
            {"rooms": [2.0]},
        ]
