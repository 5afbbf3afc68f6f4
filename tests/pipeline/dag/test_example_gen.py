"""Which files TFX is told to read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Data, Files, Splits
from huberflow.pipeline.dag.example_gen import example_gen


def told(path: Path | None) -> tuple[str, str, str]:
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


def test_a_file(folder):
    assert told(folder / "a" / "2024-1.csv") == (f"{folder}/a", "2024-1.csv", "CsvExecutor")


def test_a_folder(folder):
    assert told(folder / "a") == (f"{folder}/a", "2024-*.csv", "CsvExecutor")


def test_a_pattern(folder):
    (folder / "a" / "notes.csv").touch()
    assert told(folder / "a" / "2024-*.csv") == (f"{folder}/a", "2024-*.csv", "CsvExecutor")


def test_parquet(folder):
    base, pattern, reader = told(folder / "b")
    assert (base, pattern, reader) == (f"{folder}/b", "part-0.parquet", "ParquetExecutor")


def test_files_that_no_pattern_tells_from_others_are_refused(folder):
    (folder / "a" / "2024-10.csv").touch()
    with pytest.raises(InputError, match=r"beside others like 2024-\*\.csv; move them"):
        example_gen(Data(path=folder / "a" / "2024-?.csv"))


def test_a_relative_path_means_the_same_from_any_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert told(Path("a"))[0] == f"{folder}/a"


def test_files_of_splits_by_their_folder(folder):
    files = {"train": folder / "a" / "2024-1.csv", "eval": folder / "a" / "2024-2.csv"}
    node = example_gen(Data(splits=Splits(files=Files(**files))))
    told = json.loads(node.exec_properties["input_config"])["splits"]
    assert node.exec_properties["input_base"] == f"{folder}/a"
    # Rows for validation are drawn from those to train on.
    assert [(split["name"], split["pattern"]) for split in told] == [
        ("train", "2024-1.csv"),
        ("validation", "2024-1.csv"),
        ("eval", "2024-2.csv"),
    ]


def test_files_of_splits_in_folders_of_their_own(folder):
    (folder / "d").mkdir()
    for name in ("a", "b"):
        (folder / "d" / f"{name}.csv").write_text("price\n1\n")
    node = example_gen(Data(splits=Splits(files=Files(train=folder / "a", eval=folder / "d"))))
    told = json.loads(node.exec_properties["input_config"])["splits"]
    assert node.exec_properties["input_base"] == str(folder)
    assert [split["pattern"] for split in told] == ["a/2024-*.csv", "a/2024-*.csv", "d/*.csv"]


@pytest.mark.parametrize("split", [Splits(), Splits(column="month", values={"2": "eval"})])
def test_is_told_of_the_code_that_reads_and_splits_for_the_cache_sees_none(folder, split):
    node = example_gen(Data(path=folder / "a", splits=split))
    source = json.loads(node.exec_properties["custom_config"])["source"]
    assert {"components/data/examples.py", "components/data/csv_reading.py"} <= source.keys()
    assert ("components/data/splits.py" in source) is (split.column is not None)
