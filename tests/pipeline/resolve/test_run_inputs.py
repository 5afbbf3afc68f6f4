"""Two runs with one digest are the same run; whatever decides a run changes it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from huberflow.pipeline.config import Config
from huberflow.pipeline.resolve import run_inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's folder; time goes on, so that files in it are not new."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "my_losses.py", "schema.pbtxt", "key.pem"):
        Path(name).write_text("first")
    Path("parts/below").mkdir(parents=True)
    Path("parts/below/1.csv").write_text("first")
    return tmp_path


def digest(*, workspace="workspace", **asked):
    return run_inputs.digest(asked, Path(workspace).absolute())


FILES = [
    ("rows.csv", {"data": {"path": "rows.csv", "label": "y"}}),
    ("rows.csv", {"data": {"path": "*.csv"}}),
    ("parts/below/1.csv", {"data": {"path": "parts"}}),
    ("parts/below/1.csv", {"data": {"path": "parts/**/*.csv"}}),
    ("rows.csv", {"data": {"splits": {"files": {"train": "a.csv", "eval": "rows.csv"}}}}),
    ("schema.pbtxt", {"data": {"pinned_schema": "schema.pbtxt"}}),
    ("my_losses.py", {"objects": ["my_losses.py"]}),
    ("my_losses.py", {"model": {"build": "my_losses.py:network"}}),
    ("key.pem", {"export": {"signing": {"method": "key", "private_key": "key.pem"}}}),
    ("key.pem", {"export": {"signing": {"certificate_chain": ["key.pem"]}}}),
]


class TestIsTheSame:
    @pytest.mark.parametrize(("path", "asked"), FILES)
    def test_where_nothing_has_changed(self, folder, path, asked):
        assert digest(**asked) == digest(**asked) != ""

    def test_for_a_file_that_no_key_names(self, folder):
        before = digest(data={"path": "rows.csv"})
        Path("notes.txt").write_text("new")
        assert digest(data={"path": "rows.csv"}) == before

    def test_whatever_texts_stand_in_the_config(self, folder):
        """A mark of missing values is no pattern of files."""
        asked = {"data": {"missing": ["/", ".", "*", "**", "x" * 5000]}}
        before = digest(**asked)
        Path("notes.txt").write_text("new")
        assert digest(**asked) == before

    @pytest.mark.parametrize("data", [None, [], "rows.csv", {"path": 5}, {"splits": [1]}])
    def test_for_a_config_that_is_wrong(self, folder, data):
        assert digest(data=data) == digest(data=data) != ""


class TestIsAnother:
    @pytest.mark.parametrize(("path", "asked"), FILES)
    def test_where_a_file_has_changed(self, folder, path, asked):
        before = digest(**asked)
        Path(path).write_text("other")
        assert digest(**asked) != before

    def test_where_the_time_of_a_changed_file_was_put_back(self, folder):
        asked = {"data": {"path": "rows.csv"}}
        before, state = digest(**asked), os.stat("rows.csv")
        Path("rows.csv").write_text("other")
        os.utime("rows.csv", ns=(state.st_atime_ns, state.st_mtime_ns))
        assert digest(**asked) != before

    def test_where_another_file_took_its_place(self, folder):
        asked = {"data": {"path": "rows.csv"}}
        before = digest(**asked)
        os.replace("key.pem", "rows.csv")
        assert digest(**asked) != before

    @pytest.mark.parametrize("path", ["parts", "parts/**/*.csv"])
    def test_where_a_file_has_come_or_gone(self, folder, path):
        before = digest(data={"path": path})
        Path("parts/2.csv").write_text("new")
        with_another = digest(data={"path": path})
        Path("parts/below/1.csv").unlink()
        assert len({before, with_another, digest(data={"path": path})}) == 3

    def test_where_a_value_differs(self, folder):
        assert digest(training={"epochs": 1}) != digest(training={"epochs": 2})

    def test_in_another_workspace(self, folder):
        assert digest(workspace="one") != digest(workspace="other")

    @pytest.mark.parametrize("name", ["TF_DETERMINISTIC_OPS", "MLFLOW_TRACKING_URI", "XLA_FLAGS"])
    def test_in_another_environment(self, folder, monkeypatch, name):
        before = digest()
        monkeypatch.setenv(name, "1")
        assert digest() != before

    def test_with_another_package(self, folder, monkeypatch):
        before = digest()
        Path("numpy-99.0.dist-info").mkdir()
        monkeypatch.syspath_prepend(folder)
        assert digest() != before

    def test_of_other_code(self, folder, monkeypatch):
        code = folder / "huberflow"
        code.mkdir()
        (code / "model.py").write_text("a = 1")
        monkeypatch.setattr(run_inputs, "package_folder", lambda _: code)
        before = digest()
        (code / "model.py").write_text("a = 2")
        assert digest() != before


def test_is_not_known_of_a_file_that_is_too_new(folder, monkeypatch):
    """It may change again without another time."""
    now = os.stat("rows.csv").st_mtime
    monkeypatch.setattr(time, "time", lambda: now + run_inputs.TOO_NEW / 2)
    assert digest(data={"path": "rows.csv"}) == ""


def test_every_key_of_a_path_is_known():
    elsewhere = {"workspace", "kubeflow.mount", "kubeflow.schema_file"}
    unknown = {
        key
        for key in _paths(Config)
        if not any(f"{key}.".startswith(f"{known}.") for known in run_inputs.FILES)
    }
    assert unknown == elsewhere


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        for kind in _kinds(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _paths(kind, f"{prefix}{name}.")
            elif kind is Path:
                yield f"{prefix}{name}"


def _kinds(annotation: object) -> Iterator[object]:
    yield annotation
    for argument in get_args(annotation):
        yield from _kinds(argument)
