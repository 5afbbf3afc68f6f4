"""Which server runs go to."""

import shutil
import stat
from pathlib import Path

import pytest
from mlflow import MlflowClient

from huberflow.pipeline.config import Tracking
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking import ui
from huberflow.pipeline.tracking.store import connect, store_uri
from huberflow.pipeline.tracking.tracker import NewRun, TrackingError
from huberflow.pipeline.tracking.workspace_database import follow_move

WORKSPACE = Workspace(Path("/data/w"))
DEFAULT = "sqlite:////data/w/mlflow/mlflow.db"


class TestServer:
    @pytest.mark.parametrize(
        ("configured", "environment", "chosen"),
        [
            (None, None, DEFAULT),
            (None, "", DEFAULT),
            (None, "http://env:5000", "http://env:5000"),
            ("http://config:5000", "http://env:5000", "http://config:5000"),
            ("http://config:5000", None, "http://config:5000"),
        ],
    )
    def test_is_the_configs_else_the_environments_else_the_workspaces(
        self, configured, environment, chosen, monkeypatch
    ):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        if environment is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
        assert store_uri(Tracking(uri=configured), WORKSPACE) == chosen


class TestConnection:
    def test_to_the_workspaces_database_keeps_all_in_the_workspace(self, tmp_path, monkeypatch):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        workspace = Workspace(tmp_path / "a workspace, größer")
        tracker = connect(store_uri(Tracking(), workspace), workspace.tracked_files)
        run = tracker.open_run(NewRun("w/run", "taxi", "name", 1.0))
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.yaml").write_text("seed: 1")
        tracker.attach(run.id, tmp_path / "config")
        assert stat.filemode((workspace.tracking / "mlflow.db").stat().st_mode) == "-rw-------"
        assert stat.filemode(workspace.tracking.stat().st_mode) == "drwx------"
        assert len(list(workspace.tracking.glob("artifacts/**/config.yaml"))) == 1
        assert not list((tmp_path / "elsewhere").iterdir())


class TestMovedWorkspace:
    @pytest.fixture
    def old(self, tmp_path, empty_store):
        """A workspace whose database has a run with a file."""
        old = Workspace(tmp_path / "old")
        for folder in (old.tracking, old.journals):
            folder.mkdir(parents=True)
        shutil.copy(empty_store, old.tracking / "mlflow.db")
        self.attach(old, "w/run-1", tmp_path)
        return old

    def attach(self, workspace: Workspace, key: str, folder: Path) -> None:
        tracker = connect(f"sqlite:///{workspace.tracking}/mlflow.db", workspace.tracked_files)
        run = tracker.open_run(NewRun(key, "taxi", "name", 1.0))
        (folder / "config").mkdir(exist_ok=True)
        (folder / "config" / "config.yaml").write_text(key)
        tracker.attach(run.id, folder / "config")

    def files(self, workspace: Workspace) -> list[str]:
        found = workspace.tracking.glob("artifacts/**/config.yaml")
        return sorted(path.read_text() for path in found)

    def test_keeps_all_that_mlflow_writes(self, old, tmp_path):
        new = Workspace(shutil.move(old.root, tmp_path / "new"))
        self.attach(new, "w/run-2", tmp_path)
        assert self.files(new) == ["w/run-1", "w/run-2"]
        assert not old.root.exists()
        client = MlflowClient(f"sqlite:///{new.tracking}/mlflow.db")
        ours = client.get_experiment_by_name("taxi").experiment_id
        for run in client.search_runs([ours]):
            assert run.info.artifact_uri.startswith(new.tracked_files.as_uri())
            assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["config.yaml"]

    def test_a_copy_never_writes_into_the_original(self, old, tmp_path):
        copy = Workspace(shutil.copytree(old.root, tmp_path / "copy"))
        self.attach(copy, "w/run-2", tmp_path)
        assert (self.files(old), self.files(copy)) == (["w/run-1"], ["w/run-1", "w/run-2"])

    def test_a_database_that_is_no_workspaces_stays_as_it_is(self, old, tmp_path):
        other = tmp_path / "data" / "mlflow" / "mlflow.db"
        other.parent.mkdir(parents=True)
        shutil.copy(old.tracking / "mlflow.db", other)
        before = other.read_bytes()
        follow_move(other)
        assert other.read_bytes() == before


def test_a_file_that_is_no_database_has_a_way_out(tmp_path):
    workspace = Workspace(tmp_path / "my runs")
    for folder in (workspace.tracking, workspace.journals):
        folder.mkdir(parents=True)
    file = workspace.tracking / "mlflow.db"
    file.write_text("no database, whatever it once was")
    move, track = f"mv '{file}' '{file}.damaged'", f"huberflow track --workspace '{workspace.root}'"
    tracker = connect(f"sqlite:///{file}", workspace.tracked_files)
    with pytest.raises(TrackingError) as caught:
        tracker.open_run(NewRun("w/run", "taxi", "name", 1.0))
    assert str(caught.value).endswith(f"write: {move} && {track}")
    with pytest.raises(TrackingError) as caught:
        ui.serve(workspace, f"sqlite:///{file}", workspace.tracked_files, on_ready=print)
    assert str(caught.value).endswith(f"write: {move} && {track}")
