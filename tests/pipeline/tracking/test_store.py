"""Which server runs go to."""

from pathlib import Path

import pytest

from huberflow.pipeline.config import Tracking
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.store import connect, store_uri
from huberflow.pipeline.tracking.tracker import NewRun

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
        assert (workspace.tracking / "mlflow.db").is_file()
        assert len(list(workspace.tracking.glob("artifacts/**/config.yaml"))) == 1
        assert not list((tmp_path / "elsewhere").iterdir())
