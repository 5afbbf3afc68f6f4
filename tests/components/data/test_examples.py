"""Rows of a user's files, as ExampleGen passes them on; test_data_as_tfx_reads compares CSV."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import date, datetime, time
from decimal import Decimal

import example_gen_runs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from huberflow.components.contracts.node_config import ExampleGenConfig
from huberflow.components.data import examples, mixing


def written(executor, folder, pattern, buckets=(1,), config=None):
    """Every row by split, as ExampleGen writes it."""
    found = example_gen_runs.run(executor, folder, pattern, buckets, config)
    return {
        split.name.removeprefix("Split-"): example_gen_runs.rows(split) for split in found.iterdir()
    }


def rows(executor, folder, pattern, config=None):
    """Every row as TFX gets it, columns without a value left out."""
    (found,) = written(executor, folder, pattern, config=config).values()
    return sorted((values(tf.train.Example.FromString(record)) for record in found), key=str)


def values(example):
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in sorted(example.features.feature.items())
        if feature.WhichOneof("kind") and getattr(feature, feature.WhichOneof("kind")).value
    }


def test_whole_numbers_are_floats_where_a_pinned_schema_has_floats(tmp_path):
    """Today's rows may all be whole, or some have fractions: the columns stay of one type."""
    config = ExampleGenConfig(fractions=("x", "absent"), source={})

    def encoded(x):
        pq.write_table(pa.table({"x": x, "n": [7, 8]}), tmp_path / "a.parquet")
        return written(examples.ParquetExecutor, tmp_path, "a.parquet", config=config)

    assert encoded([1, None]) == encoded([1.0, None])


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

    def test_what_is_no_single_value_is_left_out(self, read):
        assert read(x=[1], tags=[[1, 2]], meta=[{"a": 1}], at=[time(1)]) == [{"x": [1]}]

    def test_parts_of_several_types_and_folders_that_name_a_column_are_one_table(self, tmp_path):
        for year, x in ((2023, [1]), (2024, [0.5])):
            (tmp_path / f"year={year}").mkdir()
            pq.write_table(pa.table({"x": x}), tmp_path / f"year={year}" / "a.parquet")
        found = rows(examples.ParquetExecutor, tmp_path, "year=202*/a.parquet")
        assert found == [{"x": [0.5], "year": [2024]}, {"x": [1.0], "year": [2023]}]

    def test_missing_is_nothing(self, read):
        assert read(x=[None, 1], y=[1.5, None]) == [{"x": [1]}, {"y": [1.5]}]

    def test_a_column_without_a_value_is_missing_in_every_row(self, read):
        assert read(x=[1], y=pa.nulls(1)) == [{"x": [1]}]

    def test_types_become_the_few_that_examples_have(self, read):
        assert read(
            day=pa.array([date(2024, 5, 17)], pa.date32()),
            time=pa.array([datetime(2024, 5, 17, 8, 30)], pa.timestamp("ms")),
            yes=pa.array([True], pa.bool_()),
            small=pa.array([7], pa.int8()),
            exact=pa.array([Decimal("1.5")], pa.decimal128(5, 2)),
            coded=pa.array(["a"], pa.dictionary(pa.int8(), pa.string())),
            long=pa.array(["a"], pa.large_string()),
        ) == [
            {
                "day": [b"2024-05-17"],
                "time": [b"2024-05-17 08:30:00.000"],
                "yes": [b"true"],
                "small": [7],
                "exact": [1.5],
                "coded": [b"a"],
                "long": [b"a"],
            }
        ]

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
    @pytest.mark.parametrize("spellings", ["true false", "True False", "TRUE FALSE", "true False"])
    def test_booleans_are_those_of_parquet(self, tmp_path, spellings):
        yes, no = spellings.split()
        (tmp_path / "a.csv").write_text(f"x,y\n{yes},1\nNA,2\n")
        (tmp_path / "b.csv").write_text(f"x,y\n{no},3\n,4\n")
        assert rows(examples.CsvExecutor, tmp_path, "*.csv") == [
            {"x": [b"false"], "y": [3]},
            {"x": [b"true"], "y": [1]},
            {"y": [2]},
            {"y": [4]},
        ]

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    def test_texts_of_the_config_are_missing_everywhere(self, tmp_path, kind):
        config = ExampleGenConfig(missing=("unknown", "NA"), source={})
        if kind == "csv":
            (tmp_path / "a.csv").write_text("x,word\nunknown,NA\n7,unknown\nNA,Oslo\n")
        else:
            table = {"x": [None, 7, None], "word": ["NA", "unknown", "Oslo"]}
            pq.write_table(pa.table(table), tmp_path / "a.parquet")
        found = rows(examples.EXECUTORS[kind], tmp_path, f"*.{kind}", config)
        assert found == [{"word": [b"Oslo"]}, {"x": [7]}, {}]

    def test_booleans_beside_other_values_are_words(self, tmp_path):
        (tmp_path / "a.csv").write_text("x,y\nTrue,1\n")
        (tmp_path / "b.csv").write_text("x,y\n1,3\n")
        found = rows(examples.CsvExecutor, tmp_path, "*.csv")
        assert found == [{"x": [b"1"], "y": [3]}, {"x": [b"True"], "y": [1]}]

    def test_marks_are_missing_among_numbers_and_words_among_words(self, tmp_path):
        """In one file there may be nothing else."""
        (tmp_path / "a.csv").write_text("x,word,n\nNA,NA,-\n?,null,N/A\n")
        (tmp_path / "b.csv").write_text("x,word,n\n0.5,Oslo,7\n")
        assert rows(examples.CsvExecutor, tmp_path, "*.csv") == [
            {"n": [7], "word": [b"Oslo"], "x": [0.5]},
            {"word": [b"NA"]},
            {"word": [b"null"]},
        ]

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

    def test_the_same_rows_come_to_the_same_split_in_any_file(self, tmp_path):
        """What a row holds decides, not how it is stored."""
        table = pa.table({"b": [*range(49), None], "a": [n / 4 for n in range(50)]})
        table.to_pandas().convert_dtypes().to_csv(tmp_path / "a.csv", index=False)
        pq.write_table(table, tmp_path / "a.parquet")
        csv = written(examples.CsvExecutor, tmp_path, "*.csv", buckets=(2, 1))
        parquet = written(examples.ParquetExecutor, tmp_path, "*.parquet", buckets=(2, 1))
        assert {name: sorted(found) for name, found in csv.items()} == {
            name: sorted(found) for name, found in parquet.items()
        }
        assert {name: len(found) for name, found in csv.items()} == {"train": 33, "eval": 17}


class TestTFRecords:
    @pytest.mark.parametrize(
        ("name", "compression"), [("a.tfrecord", ""), ("a.tfrecord.gz", "GZIP")]
    )
    def test_are_passed_on(self, tmp_path, name, compression):
        row = tf.train.Example()
        row.features.feature["x"].int64_list.value[:] = [1, 2]
        with tf.io.TFRecordWriter(str(tmp_path / name), "GZIP" if ".gz" in name else "") as writer:
            writer.write(row.SerializeToString())
        assert rows(examples.RecordExecutor, tmp_path, name) == [{"x": [1, 2]}]

    def test_equal_rows_are_equal_bytes_in_whichever_order_their_columns_came(self, tmp_path):
        """The digest of a data set relies on it, and so does the hash that splits."""
        a, b = tf.train.Example(), tf.train.Example()
        a.features.feature["a"].int64_list.value.append(1)
        b.features.feature["b"].int64_list.value.append(2)
        one, other = a.SerializeToString(), b.SerializeToString()
        with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
            writer.write(one + other)  # protobuf reads what follows as more of the same row
            writer.write(other + one)
        (found,) = written(examples.RecordExecutor, tmp_path, "a.tfrecord").values()
        assert len(found) == 2
        assert len(set(found)) == 1


class TestWriting:
    def test_rows_are_mixed_over_all_files_and_none_is_lost(self, tmp_path, monkeypatch):
        monkeypatch.setattr(mixing, "INPUT_BYTES", 4000)
        lines = "".join(f"{n}\n" for n in range(3000))
        (tmp_path / "a.csv").write_text(f"x\n{lines}")
        (found,) = written(examples.CsvExecutor, tmp_path, "a.csv").values()
        order = [values(tf.train.Example.FromString(row))["x"][0] for row in found]
        assert len(list((tmp_path / "examples" / "Split-train").iterdir())) == 4
        assert sorted(order) == list(range(3000))
        assert abs(np.corrcoef(order, range(3000))[0, 1]) < 0.1
        assert 1300 < np.mean(order[:300]) < 1700

    def test_they_lie_in_the_same_order_each_time(self, tmp_path):
        lines = "".join(f"{n}\n" for n in range(100))
        (tmp_path / "a.csv").write_text(f"x\n{lines}")
        first, second = (written(examples.CsvExecutor, tmp_path, "a.csv") for _ in range(2))
        assert first == second

    def test_memory_does_not_grow_with_rows(self, tmp_path):
        """Six times the rows: 250 MB more in the file alone, and several times that in Python."""
        script = [sys.executable, example_gen_runs.__file__, str(tmp_path), "10000", "60000"]
        printed = subprocess.run(script, check=True, capture_output=True, text=True).stdout
        before, after = json.loads(printed)
        assert after - before < 100


def test_labels_that_are_amounts_are_floats_and_features_stay_as_written(tmp_path):
    (tmp_path / "a.csv").write_text("x;y;n\n0,5;1.234,50 €;7\n8;call us;9\n")
    (tmp_path / "b.csv").write_text("x;y;n\n9;7;8\n")
    amounts = {"y": "1.234,56 €"}
    config = ExampleGenConfig(texts=("x", *amounts), amounts=amounts, source={})
    found = rows(examples.CsvExecutor, tmp_path, "*.csv", config)
    assert found == [
        {"n": [7], "x": [b"0,5"], "y": [1234.5]},
        {"n": [8], "x": [b"9"], "y": [7.0]},
        {"n": [9], "x": [b"8"]},
    ]
