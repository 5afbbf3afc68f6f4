"""Real processes that deliver real journals to a real SQLite store."""

import _thread
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import pytest
from journals import Story
from mlflow import MlflowClient
from mlflow_servers import free_port

from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.delivery import receipt
from huberflow.pipeline.tracking.delivery_process import DeliveryProcess

PATIENCE = 60.0


@dataclass
class Watched:
    """A delivery, and its warnings."""

    delivery: DeliveryProcess
    warnings: list[str] = field(default_factory=list)

    def finish(self, patience: float = PATIENCE) -> bool:
        return self.delivery.finish(patience)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "w")


@pytest.fixture
def uri(workspace, empty_store):
    workspace.tracking.mkdir(parents=True)
    shutil.copy(empty_store, workspace.tracking)
    return f"sqlite:///{workspace.tracking}/mlflow.db"


@pytest.fixture
def follow(workspace):
    """Starts processes of the workspace; none outlives the test."""
    started = []

    def follow(uri: str) -> Watched:
        warnings = []
        started.append(DeliveryProcess(workspace, uri, workspace.tracked_files, warnings.append))
        return Watched(started[-1], warnings)

    yield follow
    for delivery in started:
        delivery.finish(0)


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def delivered(workspace: Workspace, run_id: str = "run-1") -> bool:
    found = receipt(workspace, run_id)
    return found is not None and found.complete


def losses(workspace: Workspace, uri: str) -> list[float]:
    """The curve of run-1, as far as the store has it."""
    found = receipt(workspace, "run-1")
    history = MlflowClient(uri).get_metric_history(found.run, "training/loss") if found else []
    return [point.value for point in history]


@contextmanager
def silent_server():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class TestDelivery:
    def test_happens_while_the_journal_grows_to_the_last_event(self, workspace, uri, follow):
        story = Story(workspace.journals).starts("Trainer").trains(1, loss=2.5)
        watched = follow(uri)
        wait_until(lambda: losses(workspace, uri) == [2.5])
        story.trains(2, loss=1.25)
        wait_until(lambda: losses(workspace, uri) == [2.5, 1.25])
        assert not delivered(workspace)
        story.trains(3, loss=0.5).fails("Trainer", "diverged").ends("failed")
        assert watched.finish()
        assert losses(workspace, uri) == [2.5, 1.25, 0.5]
        run = MlflowClient(uri).get_run(receipt(workspace, "run-1").run)
        assert (run.info.status, run.data.tags["huberflow.cause"]) == ("FAILED", "diverged")
        assert watched.warnings == []

    def test_by_two_followers_is_once(self, workspace, uri, follow):
        Story(workspace.journals).starts("Trainer").trains(1, loss=2.5).ends("interrupted")
        both = [follow(uri), follow(uri)]
        with ThreadPoolExecutor() as pool:  # either may have come first, and the other wait for it
            assert list(pool.map(Watched.finish, both)) == [True, True]
        assert losses(workspace, uri) == [2.5]
        (experiment,) = MlflowClient(uri).search_experiments(filter_string="name = 'taxi'")
        runs = MlflowClient(uri).search_runs([experiment.experiment_id])
        assert sorted(run.info.run_name for run in runs) == ["Trainer", "name of run-1"]

    def test_of_nothing_asks_no_server(self, follow):
        assert follow(f"http://127.0.0.1:{free_port()}").finish()


class TestOldRuns:
    def test_that_are_damaged_or_gone_are_named_once_and_keep_none_back(
        self, workspace, uri, follow, capfd
    ):
        damaged = Story(workspace.journals, "a-damaged").starts("Trainer").path
        damaged.write_text(damaged.read_text()[:-30] + "\n")
        gone = {
            "schema": (workspace.artifacts / "gone", {}),
            "exported_model": (workspace.root, {}),
        }
        old = Story(workspace.journals, "b-gone").runs("SchemaGen", outputs=gone)
        old.runs("ServingExport", outputs=gone).ends()
        new = Story(workspace.journals, "c-new", time=time.time()).starts("Trainer")
        watched = follow(uri)
        wait_until(lambda: receipt(workspace, "c-new"))
        new.ends()
        assert watched.finish()
        assert delivered(workspace, "c-new")
        assert delivered(workspace, "a-damaged"), "up to the damage"
        assert not delivered(workspace, "b-gone")
        of_damaged, of_gone = watched.warnings
        assert of_damaged == f"{damaged}: line 2 is damaged; its run is read up to there"
        assert of_gone.startswith("b-gone: cannot be delivered: FileNotFoundError: ")
        assert str(workspace.artifacts / "gone") in of_gone
        assert "Traceback" in capfd.readouterr().err, "the log has the whole story"


class TestServerThatIsDown:
    def test_is_reported_once_in_one_line_without_the_password(self, workspace):
        story = Story(workspace.journals).starts("Trainer").ends()
        address, warnings = f"127.0.0.1:{free_port()}", []
        delivery = DeliveryProcess(
            workspace, f"http://ann:hunter2@{address}", None, warnings.append
        )
        command = " ".join(psutil.Process(delivery._process.pid).cmdline())
        wait_until(lambda: warnings)
        assert not delivery.finish(PATIENCE)
        assert not delivered(workspace)
        assert warnings == [
            f"http://***@{address}: cannot open the run name of run-1: it cannot be reached "
            f"(Connection refused); write: curl 'http://***@{address}/health'"
        ]
        assert "huberflow.pipeline.tracking.delivery_process" in command
        assert "hunter2" not in command, "every user of the machine sees it"
        events = [json.loads(line)["event"] for line in story.path.read_text().splitlines()]
        assert events == ["started", "node_started", "ended"]

    def test_gets_all_once_it_is_back(self, workspace, empty_store, follow):
        workspace.root.mkdir()
        workspace.tracking.touch()  # where the store's folder should be
        Story(workspace.journals).starts("Trainer").ends()
        watched = follow(f"sqlite:///{workspace.tracking}/mlflow.db")
        wait_until(lambda: watched.warnings)
        workspace.tracking.unlink()
        workspace.tracking.mkdir()
        shutil.copy(empty_store, workspace.tracking)
        assert watched.finish()
        assert delivered(workspace)
        assert len(watched.warnings) == 1


class TestServerThatNeverAnswers:
    @pytest.fixture
    def hanging(self, workspace, follow, tmp_path, monkeypatch):
        """A delivery that waits for an answer."""
        (tmp_path / "tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
        Story(workspace.journals).starts("Trainer").ends()
        with silent_server() as address:
            watched = follow(address)
            wait_until(lambda: any((tmp_path / "tmp").iterdir()))
            yield watched

    def test_is_not_waited_for(self, hanging, tmp_path):
        began = time.monotonic()
        assert not hanging.finish(1)
        assert time.monotonic() - began < 4
        assert not psutil.pid_exists(hanging.delivery._process.pid)
        assert not list((tmp_path / "tmp").iterdir()), "temporary files are left behind"

    def test_is_not_waited_for_after_ctrl_c(self, hanging):
        began = time.monotonic()
        threading.Timer(0.5, _thread.interrupt_main).start()
        with pytest.raises(KeyboardInterrupt):
            hanging.finish(PATIENCE)
        assert time.monotonic() - began < 4
        assert not psutil.pid_exists(hanging.delivery._process.pid)

    def test_is_reported_as_soon_as_a_request_may_last(self, workspace, follow, monkeypatch):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        Story(workspace.journals).starts("Trainer").ends()
        with silent_server() as address:
            watched = follow(address)
            assert not watched.finish()
        (warning,) = watched.warnings
        assert "no answer within 1 s" in warning


RUN = """
import sys, time
from pathlib import Path
from huberflow.pipeline.tracking.delivery_process import DeliveryProcess
from huberflow.pipeline.history.workspace import Workspace
delivery = DeliveryProcess(Workspace(Path(sys.argv[1])), sys.argv[2], None, print)
print(delivery._process.pid, flush=True)
time.sleep(600)
"""


class TestRunThatIsKilled:
    def test_leaves_no_follower_and_is_delivered_as_far_as_it_went(self, workspace, uri):
        Story(workspace.journals).starts("Trainer").trains(1, loss=2.5)
        command = [sys.executable, "-c", RUN, workspace.root, uri]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
            delivery = psutil.Process(int(run.stdout.readline()))
            os.kill(run.pid, signal.SIGKILL)
        psutil.wait_procs([delivery], PATIENCE)
        assert not delivery.is_running()
        assert losses(workspace, uri) == [2.5]
        assert not delivered(workspace)
