"""The files that ExampleGen reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huberflow.components.contracts.node_config import ExampleGenConfig
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Data, Files, Splits
from huberflow.pipeline.dag.example_gen import ColumnTypes, example_gen
from huberflow.pipeline.resolve.resolved_run import resolve_config


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
    for name in (
        *("a/2024-1.csv", "a/2024-2.csv", "b/part-0.parquet", "c/x.csv"),
        *("d/x/1-0.csv", "d/y/2-0.csv", "e[1].csv", "f[2]/x.csv"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("price\n1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "pattern", "reader"),
    [
        ("a/2024-1.csv", "2024-1.csv", "CsvExecutor"),
        ("a", "2024-*.csv", "CsvExecutor"),
        ("a/2024-*.csv", "2024-*.csv", "CsvExecutor"),
        ("b", "part-0.parquet", "ParquetExecutor"),
        ("d", "*/*-0.csv", "CsvExecutor"),
        ("e[1].csv", "e[[]1].csv", "CsvExecutor"),
        ("f[2]", "f[[]2]/x.csv", "CsvExecutor"),
    ],
)
def test_a_file_a_folder_or_a_pattern(folder, monkeypatch, path, pattern, reader):
    if "*" in path:
        (folder / "a" / "notes.csv").touch()
    monkeypatch.chdir(folder)
    for each in (folder / path, Path(path)):
        base = folder if "[" in path else folder / path[0]
        assert reads(each) == (str(base), pattern, reader)


def test_files_that_no_pattern_tells_from_others_are_refused(folder):
    (folder / "a" / "2024-10.csv").touch()
    with pytest.raises(InputError, match=r"beside others like 2024-\*\.csv; move them"):
        example_gen(Data(path=folder / "a" / "2024-?.csv"))


@pytest.mark.parametrize(
    ("evaluation", "base", "train", "eval_pattern"),
    [
        ("a/2024-2.csv", "a", "2024-1.csv", "2024-2.csv"),
        ("c", "", "a/2024-1.csv", "c/x.csv"),
    ],
)
def test_files_of_splits(folder, evaluation, base, train, eval_pattern):
    files = Files(train=folder / "a" / "2024-1.csv", eval=folder / evaluation)
    node = example_gen(Data(splits=Splits(files=files)))
    splits = json.loads(node.exec_properties["input_config"])["splits"]
    assert Path(node.exec_properties["input_base"]) == folder / base
    # Rows for validation are drawn from those to train on.
    assert [(split["name"], split["pattern"]) for split in splits] == [
        ("train", train),
        ("validation", train),
        ("eval", eval_pattern),
    ]


@pytest.mark.parametrize(
    "split", [Splits(), Splits(column="month", values={"2": "eval"}), Splits(group="user")]
)
def test_the_config_has_the_hashes_of_the_code_that_reads_and_splits(folder, split):
    node = example_gen(Data(path=folder / "a", splits=split))
    source = json.loads(node.exec_properties["custom_config"])["source"]
    assert {"components/data/examples.py", "components/data/csv_reading.py"} <= source.keys()
    assert ("components/data/splits.py" in source) is (split != Splits())


class TestColumnTypes:
    """A column has one type in every run: whole numbers today may have fractions tomorrow."""

    @staticmethod
    def types(folder, *settings):
        rows = [f"{n % 7};{n};{n % 3};{n},5 €;{n}" for n in range(60)]
        (folder / "houses.csv").write_text("\n".join(["rooms;area;floor;price;y", *rows]) + "\n")
        asked = [f"data.path={folder}/houses.csv", "data.label=y", *settings]
        return ColumnTypes.of(resolve_config(None, asked).config)

    def test_numbers_are_floats_and_amounts_text(self, tmp_path):
        found = self.types(tmp_path, "features.numeric=[rooms, area]")
        assert found.floats == ("rooms", "area", "y")
        assert found.texts == ("price",)

    def test_slices_and_classes_stay_as_they_are(self, tmp_path):
        found = self.types(
            tmp_path,
            "features.numeric=[rooms, area]",
            "evaluation.slices=[[rooms]]",
            "data.label=floor",
            "model.task=multiclass",
        )
        assert found.floats == ("area",)

    def test_a_pinned_schema_decides(self, folder):
        schema = folder / "schema.pbtxt"
        schema.write_text('feature { name: "x" type: INT } feature { name: "z" type: FLOAT }')
        data = Data(path=folder / "a", schema=schema)
        node = example_gen(data, types=ColumnTypes(floats=("x", "y")))
        config = ExampleGenConfig.from_text(node.exec_properties["custom_config"])
        assert set(config.fractions) == {"y", "z"}
