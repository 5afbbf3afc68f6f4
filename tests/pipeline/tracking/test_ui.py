"""What a user sees of `huberflow ui`: a real server, on a real database."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import psutil
import pytest
from mlflow import MlflowClient

from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking import ui, workspace_database
from huberflow.pipeline.tracking.tracker import TrackingError

SERVE = """
import sys
from pathlib import Path
from huberflow.pipeline.tracking import ui, workspace_database
from huberflow.pipeline.history.workspace import Workspace
place = Workspace(Path(sys.argv[1]))
ui.serve(place, sys.argv[2], place.tracked_files, port=int(sys.argv[3]),
         on_ready=lambda url: print(url, flush=True))
"""


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A database with one experiment."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    MlflowClient(tracking_uri=uri).create_experiment("taxi")
    return uri


@contextmanager
def listening():
    """A port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def served(workspace, database, port=0):
    """A process that serves, and the URL that it prints."""
    command = [sys.executable, "-c", SERVE, str(workspace.root), database, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()


def ask(url: str, path: str, **body):
    request = urllib.request.Request(f"{url}/{path}", json.dumps(body).encode())  # noqa: S310
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serves_the_database_until_a_signal_ends_it(workspace, database, ending):
    with listening() as taken, served(workspace, database, taken) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert not url.endswith(f":{taken}")
        assert ui.running(workspace) == url
        found = ask(url, "api/2.0/mlflow/experiments/search", max_results=10)
        assert "taxi" in [experiment["name"] for experiment in found["experiments"]]

        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        os.kill(process.pid, ending)
        assert process.wait(timeout=30) == 0
        assert [child for child in children if child.is_running()] == []
    assert ui.running(workspace) is None
    assert not list(workspace.root.glob("ui.*"))


def test_new_experiments_keep_their_artifacts_in_the_workspace(workspace):
    database = f"sqlite:///{workspace.tracking / 'mlflow.db'}"
    with served(workspace, database) as (_, url):
        made = ask(url, "api/2.0/mlflow/experiments/create", name="taxi")["experiment_id"]
    place = MlflowClient(tracking_uri=database).get_experiment(made).artifact_location
    assert place == f"{(workspace.tracking / 'artifacts').as_uri()}/{made}"


def test_a_server_that_does_not_start_is_quoted(workspace):
    with pytest.raises(TrackingError, match=r"(?s)MLflow's server ended, see .*ui.log:\n.*nowhere"):
        ui.serve(workspace, "nowhere://x", workspace.tracked_files, port=0, on_ready=pytest.fail)


def test_a_database_that_another_program_has_locked_is_told_with_it(workspace, monkeypatch):
    monkeypatch.setattr(workspace_database, "LOCK_PATIENCE", 0.2)
    workspace.journals.mkdir()
    workspace.tracking.mkdir()
    path = workspace.tracking / "mlflow.db"
    hold = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
    shell = ["sh", "-c", '"$@"; exit', "sh", sys.executable, "-c", hold, path]  # not our child
    pipe = subprocess.PIPE
    with subprocess.Popen(shell, stdin=pipe, stdout=pipe, text=True) as process:
        process.stdout.readline()
        with pytest.raises(TrackingError, match=r"mlflow\.db: locked by python\S* \(process \d+\)"):
            ui.serve(workspace, f"sqlite:///{path}", workspace.tracked_files, on_ready=print)
        process.stdin.close()


def test_the_note_of_a_killed_server_is_not_believed(workspace):
    with listening() as port:
        pass
    (workspace.root / "ui.url").write_text(f"http://127.0.0.1:{port}")
    assert ui.running(workspace) is None
