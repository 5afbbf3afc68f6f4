"""Columns of Parquet files, as the profile and ExampleGen read them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huberflow.components.data import csv_columns, parquet_columns
from huberflow.components.data.partitions import partition_values
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.infer import infer_uses
from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.source import find_source


def store(file: Path, **columns: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return file


def encoded(*files: Path) -> list[dict]:
    """Rows in the types in which ExampleGen encodes them."""
    types = csv_columns.common_types(map(parquet_columns.column_types, files))
    batches = [b for file in files for b in parquet_columns.read_typed(file, types, 2)]
    return [row for columns in batches for row in pa.table(columns).to_pylist()]


def kinds(path: Path) -> dict[str, str]:
    return {name: each.kind for name, each in profile_rows(find_source(path)).columns.items()}


NO_SINGLE_VALUES = {
    "list": [[1], [2, 3]],
    "struct": [{"a": 1}, {"a": 2}],
    "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    "time": [dt.time(1), dt.time(2)],
    "duration": [dt.timedelta(1), dt.timedelta(2)],
    "bytes": [b"\xff", b"a"],
}


@pytest.mark.parametrize("values", NO_SINGLE_VALUES.values(), ids=NO_SINGLE_VALUES)
def test_what_is_no_single_value_is_named_and_never_encoded(tmp_path, values):
    file = store(tmp_path / "a.parquet", x=[1, 2], it=values)
    assert kinds(file) == {"x": "integer", "it": "list"}
    assert encoded(file) == [{"x": 1}, {"x": 2}]


PARTS = {
    "whole numbers and fractions": ([1, 2], [0.5, None], "number", [1.0, 2.0, 0.5, None]),
    "numbers of several widths": (
        pa.array([1, 2], pa.int8()),
        pa.array([3.5, 4], pa.float32()),
        "number",
        [1.0, 2.0, 3.5, 4.0],
    ),
    "text and nothing": (["a", "b"], pa.nulls(2), "text", ["a", "b", None, None]),
    "nothing and numbers": (pa.nulls(2), [1, 2], "integer", [None, None, 1, 2]),
    "text and categories": (
        ["a", "b"],
        pa.array(["a", "c"]).dictionary_encode(),
        "text",
        ["a", "b", "a", "c"],
    ),
}


@pytest.mark.parametrize(("one", "other", "kind", "values"), PARTS.values(), ids=PARTS)
def test_parts_of_several_types_are_one_column(tmp_path, one, other, kind, values):
    files = [store(tmp_path / f"{n}.parquet", x=x) for n, x in enumerate((one, other))]
    assert kinds(tmp_path) == {"x": kind}
    assert [row["x"] for row in encoded(*files)] == values


def test_parts_that_no_type_holds_are_refused(tmp_path):
    store(tmp_path / "0.parquet", x=[1])
    store(tmp_path / "1.parquet", x=["1"])
    with pytest.raises(InputError, match=r"where x is int64.*string"):
        kinds(tmp_path)


def test_an_index_of_pandas_is_no_feature(tmp_path):
    rows = pd.DataFrame({"y": np.arange(40) / 7, "x": np.arange(40) % 7})
    rows.sample(frac=0.9, random_state=1).to_parquet(tmp_path / "a.parquet")
    uses = infer_uses(profile_rows(find_source(tmp_path)), ["y"])
    assert uses.numeric + uses.categorical == ["x"]
    assert "pandas" in uses.left_out["__index_level_0__"]


class TestPartitions:
    def test_are_columns(self, tmp_path):
        files = [
            store(tmp_path / f"year={year}" / "town=New%20York" / "part-0.parquet", x=[1.5])
            for year in (2023, 2024)
        ]
        assert kinds(tmp_path) == {"x": "number", "year": "integer", "town": "text"}
        assert encoded(*files) == [
            {"x": 1.5, "year": year, "town": "New York"} for year in (2023, 2024)
        ]

    def test_are_those_right_above_a_file(self):
        assert partition_values(Path("/old=1/data/a=2/b=c=d/x.csv")) == {"a": "2", "b": "c=d"}
        assert partition_values(Path("/data/a=__HIVE_DEFAULT_PARTITION__/x.csv")) == {"a": None}

    def test_of_csv_too(self, tmp_path):
        for year in (2023, 2024):
            (tmp_path / f"year={year}").mkdir()
            (tmp_path / f"year={year}" / "a.csv").write_text("x\n1.5\n")
        assert kinds(tmp_path) == {"x": "number", "year": "integer"}

    def test_marks_of_spark_and_databricks_are_no_data(self, tmp_path):
        store(tmp_path / "part-0.parquet", x=[1.5])
        for mark in ("_SUCCESS", "_committed_1", "_started_1", ".part-0.parquet.crc"):
            (tmp_path / mark).touch()
        (tmp_path / "_temporary").mkdir()
        assert kinds(tmp_path) == {"x": "number"}
