"""The baseline on a cluster, which has no metadata store."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from huberflow.components.export.pusher import LastPushed


@pytest.fixture
def find(tmp_path):
    """Runs the component on ``serving``; the files of the model that it hands on, by content."""

    def find() -> dict[str, str]:
        model = standard_artifacts.Model()
        model.uri = str(tmp_path / "found")
        LastPushed.test_call(model=model, serving=str(tmp_path / "serving"))
        files = [path for path in Path(model.uri).rglob("*") if path.is_file()]
        return {path.relative_to(model.uri).as_posix(): path.read_text() for path in files}

    return find


def push(folder: Path, version: str) -> None:
    (folder / "serving" / version / "variables").mkdir(parents=True)
    (folder / "serving" / version / "saved_model.pb").write_text(version)
    (folder / "serving" / version / "variables" / "index").write_text(version)


class TestLastPushed:
    def test_is_the_newest_version_as_a_number(self, find, tmp_path):
        for version in ("2", "9", "10"):
            push(tmp_path, version)
        assert find() == {
            "Format-Serving/saved_model.pb": "10",
            "Format-Serving/variables/index": "10",
        }

    def test_is_never_one_that_is_being_pushed(self, find, tmp_path):
        push(tmp_path, "1")
        push(tmp_path, ".pushing-2")
        assert find()["Format-Serving/saved_model.pb"] == "1"

    def test_is_none_before_the_first_push(self, find):
        assert find() == {}
