"""The files that ExampleGen reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Data, Files, Splits
from huberflow.pipeline.dag.example_gen import example_gen


def reads(path: Path) -> tuple[str, str, str]:
    """Folder, pattern and reader."""
    node = example_gen(Data(path=path))
    split = json.loads(node.exec_properties["input_config"])["splits"][0]
    return (
        node.exec_properties["input_base"],
        split["pattern"],
        node.executor_spec.executor_class.__name__,
    )


@pytest.fixture
def folder(tmp_path):
    for name in ("a/2024-1.csv", "a/2024-2.csv", "b/part-0.parquet", "c/x_tfrecord-00000.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("price\n1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "pattern", "reader"),
    [
        ("a/2024-1.csv", "2024-1.csv", "CsvExecutor"),
        ("a", "2024-*.csv", "CsvExecutor"),
        ("b", "part-0.parquet", "ParquetExecutor"),
    ],
)
def test_a_file_or_a_folder(folder, path, pattern, reader):
    assert reads(folder / path) == (f"{folder}/{path[0]}", pattern, reader)


def test_a_pattern(folder):
    (folder / "a" / "notes.csv").touch()
    assert reads(folder / "a" / "2024-*.csv") == (f"{folder}/a", "2024-*.csv", "CsvExecutor")


def test_files_that_no_pattern_tells_from_others_are_refused(folder):
    (folder / "a" / "2024-10.csv").touch()
    with pytest.raises(InputError, match=r"beside others like 2024-\*\.csv; move them"):
        example_gen(Data(path=folder / "a" / "2024-?.csv"))


def test_a_relative_path_means_the_same_from_any_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert reads(Path("a"))[0] == f"{folder}/a"


def test_files_of_splits_by_their_folder(folder):
    files = {"train": folder / "a" / "2024-1.csv", "eval": folder / "a" / "2024-2.csv"}
    node = example_gen(Data(splits=Splits(files=Files(**files))))
    splits = json.loads(node.exec_properties["input_config"])["splits"]
    assert node.exec_properties["input_base"] == f"{folder}/a"
    # Rows for validation are drawn from those to train on.
    assert [(split["name"], split["pattern"]) for split in splits] == [
        ("train", "2024-1.csv"),
        ("validation", "2024-1.csv"),
        ("eval", "2024-2.csv"),
    ]


def test_files_of_splits_in_folders_of_their_own(folder):
    (folder / "d").mkdir()
    for name in ("a", "b"):
        (folder / "d" / f"{name}.csv").write_text("price\n1\n")
    node = example_gen(Data(splits=Splits(files=Files(train=folder / "a", eval=folder / "d"))))
    splits = json.loads(node.exec_properties["input_config"])["splits"]
    assert node.exec_properties["input_base"] == str(folder)
    assert [split["pattern"] for split in splits] == ["a/2024-*.csv", "a/2024-*.csv", "d/*.csv"]


@pytest.mark.parametrize("split", [Splits(), Splits(column="month", values={"2": "eval"})])
def test_the_config_has_the_hashes_of_the_code_that_reads_and_splits(folder, split):
    node = example_gen(Data(path=folder / "a", splits=split))
    source = json.loads(node.exec_properties["custom_config"])["source"]
    assert {"components/data/examples.py", "components/data/csv_reading.py"} <= source.keys()
    assert ("components/data/splits.py" in source) is (split.column is not None)
