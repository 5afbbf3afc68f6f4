"""Which server runs go to."""

from pathlib import Path

import pytest
from mlflow_servers import free_port

from huberflow.pipeline.config import Tracking
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.store import connect, store_uri
from huberflow.pipeline.tracking.tracker import NewRun, TrackingError

WORKSPACE = Workspace(Path("/data/w"))
OURS = "sqlite:////data/w/mlflow/mlflow.db"


class TestServer:
    @pytest.mark.parametrize(
        ("configured", "environment", "chosen"),
        [
            (None, None, OURS),
            (None, "", OURS),
            (None, "http://env:5000", "http://env:5000"),
            ("http://config:5000", "http://env:5000", "http://config:5000"),
            ("http://config:5000", None, "http://config:5000"),
        ],
    )
    def test_is_the_configs_else_the_environments_else_ours(
        self, configured, environment, chosen, monkeypatch
    ):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        if environment is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", environment)
        assert store_uri(Tracking(uri=configured), WORKSPACE) == chosen


class TestConnection:
    def test_to_ours_keeps_all_in_the_workspace(self, tmp_path, monkeypatch):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        workspace = Workspace(tmp_path / "a workspace, größer")
        tracker = connect(store_uri(Tracking(), workspace), workspace)
        run = tracker.open_run(NewRun("w/run", "taxi", "name", 1.0))
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.yaml").write_text("seed: 1")
        tracker.attach(run.id, tmp_path / "config")
        assert (workspace.tracking / "mlflow.db").is_file()
        assert len(list(workspace.tracking.glob("artifacts/**/config.yaml"))) == 1
        assert not list((tmp_path / "elsewhere").iterdir())

    def test_to_a_server_that_is_not_there_is_an_error_in_words(self):
        tracker = connect(f"http://127.0.0.1:{free_port()}", WORKSPACE)
        with pytest.raises(TrackingError, match="cannot be reached"):
            tracker.open_run(NewRun("w/run", "taxi", "name", 1.0))
