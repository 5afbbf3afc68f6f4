"""The versions under ``serving/<name>/`` at any moment, and the newest as the baseline."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from benchmarks.empty_certificate import sealed
from huberflow.components.bundle import reload
from huberflow.components.export import pusher
from huberflow.components.export.pusher import LastPushed, publish


@pytest.fixture
def model(tmp_path):
    """A SavedModel's files, and a certificate that names them."""
    folder = tmp_path / "model" / "Format-Serving"
    for name in ("variables", "assets.extra"):
        (folder / name).mkdir(parents=True)
    (folder / "variables" / "variables.index").write_text("weights")
    return certified(folder, graph="graph")


def certified(folder: Path, graph: str) -> Path:
    """The folder with this graph, as if exported anew."""
    (folder / "saved_model.pb").write_text(graph)
    return sealed(folder, ["saved_model.pb", "variables/variables.index"])


@pytest.fixture
def base(tmp_path):
    return tmp_path / "serving" / "taxi"


def versions(base: Path) -> list[str]:
    """What TF Serving takes for versions."""
    return sorted(path.name for path in base.iterdir() if re.fullmatch(r"\d+", path.name))


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


class TestPublish:
    def test_versions_count_up_and_are_complete(self, model, base):
        paths = [publish(str(model), str(base)) for _ in range(11)]
        assert paths == [f"{base}/{number}" for number in range(1, 12)]
        assert sorted(path.name for path in base.iterdir()) == sorted(versions(base))
        assert files(base / "11") == files(model) != {}

    def test_the_next_is_above_the_highest_even_after_a_gap(self, model, base):
        for version in ("3", "12"):
            (base / version).mkdir(parents=True)
        assert publish(str(model), str(base)) == f"{base}/13"

    @pytest.mark.parametrize("name", ["latest", "7.bak", "v9", "-4", "8 copy", ".9"])
    def test_other_folders_do_not_count_and_stay(self, model, base, name):
        (base / name).mkdir(parents=True)
        assert publish(str(model), str(base)) == f"{base}/1"
        assert (base / name).is_dir()

    def test_earlier_versions_are_left_as_they_are(self, model, base):
        publish(str(model), str(base))
        certified(model, graph="another graph")
        publish(str(model), str(base))
        assert files(base / "1")["saved_model.pb"] == "graph"
        assert files(base / "2")["saved_model.pb"] == "another graph"

    def test_no_version_is_visible_before_it_is_complete(self, model, base, monkeypatch):
        seen = []
        copy = pusher.io_utils.copy_dir

        def watched(source, target):
            seen.append(versions(base))
            copy(source, target)
            seen.append(versions(base))

        monkeypatch.setattr(pusher.io_utils, "copy_dir", watched)
        publish(str(model), str(base))
        assert seen == [[], []]
        assert versions(base) == ["1"]

    def test_versions_of_a_bucket_whose_folders_end_in_a_slash(self, model, base, monkeypatch):
        (base / "4").mkdir(parents=True)
        monkeypatch.setattr(pusher.fileio, "listdir", lambda _: ["4/", "11/", "latest/"])
        assert publish(str(model), str(base)) == f"{base}/12"

    def test_a_model_without_a_certificate_is_published_as_it_is(self, model, base):
        (model / reload.layout.CERTIFICATE).unlink()
        assert publish(str(model), str(base)) == f"{base}/1"
        assert files(base / "1") == files(model)

    def test_a_model_that_is_not_as_it_was_exported_gets_no_version(self, model, base):
        (model / "variables" / "variables.index").write_text("weighty")
        with pytest.raises(reload.ReloadError, match=r"variables\.index: changed after the export"):
            publish(str(model), str(base))
        assert versions(base) == []


class TestCopyThatDies:
    @pytest.fixture
    def died(self, model, base, monkeypatch):
        """Version 1 is there; the copy for version 2 dies after its first file."""
        publish(str(model), str(base))

        def dies(source, target):
            Path(target).mkdir(parents=True)
            shutil.copy(Path(source) / "saved_model.pb", target)
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(pusher.io_utils, "copy_dir", dies)
            with pytest.raises(OSError, match="No space left"):
                publish(str(model), str(base))

    def test_of_another_version_is_removed_too(self, model, base):
        """Such as after someone deleted the versions."""
        (base / ".pushing-7").mkdir(parents=True)
        publish(str(model), str(base))
        assert [path.name for path in base.iterdir()] == ["1"]

    def test_leaves_no_version_and_is_removed_by_the_next(self, died, model, base):
        assert versions(base) == ["1"]
        assert any(path.name != "1" for path in base.iterdir()), "the copy left nothing to clear"
        assert publish(str(model), str(base)) == f"{base}/2"
        assert sorted(path.name for path in base.iterdir()) == ["1", "2"]
        assert files(base / "2") == files(model)


class TestExecutor:
    @pytest.fixture
    def push(self, model, base, tmp_path):
        """Runs the Pusher on a model that is blessed or not; the artifact that it writes."""

        def push(*, blessed: bool) -> standard_artifacts.PushedModel:
            candidate = standard_artifacts.Model()
            candidate.uri = str(model.parent)
            blessing = standard_artifacts.ModelBlessing()
            blessing.uri = str(tmp_path / "blessing")
            blessing.set_int_custom_property("blessed", int(blessed))
            pushed = standard_artifacts.PushedModel()
            pushed.uri = str(tmp_path / "pushed")
            destination = pusher_pb2.PushDestination()
            destination.filesystem.base_directory = str(base)
            pusher.Executor().Do(
                {"model": [candidate], "model_blessing": [blessing]},
                {"pushed_model": [pushed]},
                {"push_destination": proto_utils.proto_to_json(destination)},
            )
            return pushed

        return push

    def test_a_blessed_model_is_pushed_and_archived(self, push, base, model):
        pushed = push(blessed=True)
        assert files(base / "1") == files(Path(pushed.uri)) == files(model)
        assert pushed.get_int_custom_property("pushed") == 1
        assert pushed.get_string_custom_property("pushed_destination") == f"{base}/1"
        assert pushed.get_string_custom_property("pushed_version") == "1"

    def test_a_second_push_is_the_next_version(self, push, base):
        push(blessed=True)
        assert push(blessed=True).get_string_custom_property("pushed_version") == "2"
        assert versions(base) == ["1", "2"]

    def test_a_model_that_is_not_blessed_is_not_pushed(self, push, base):
        push(blessed=True)
        pushed = push(blessed=False)
        assert pushed.get_int_custom_property("pushed") == 0
        assert versions(base) == ["1"]


@pytest.mark.parametrize(
    ("folders", "newest"),
    [(["2", "9", "10"], "10"), (["1", ".pushing-2"], "1"), ([], None)],
    ids=["the_newest_as_a_number", "none_that_is_being_pushed", "none_before_the_first_push"],
)
def test_the_baseline_is_the_last_pushed_model(base, tmp_path, folders, newest):
    for name in folders:
        (base / name / "variables").mkdir(parents=True)
        for file in ("saved_model.pb", "variables/index"):
            (base / name / file).write_text(name)
    found = standard_artifacts.Model()
    found.uri = str(tmp_path / "found")
    LastPushed.test_call(model=found, serving=str(base))
    names = ("saved_model.pb", "variables/index") if newest else ()
    assert files(Path(found.uri)) == {f"Format-Serving/{name}": newest for name in names}
