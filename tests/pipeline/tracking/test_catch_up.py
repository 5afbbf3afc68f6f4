"""What is delivered anew, on a real SQLite store: all that it lacks, and nothing twice."""

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from journals import Story, whole_run
from mlflow_servers import free_port
from tracked import Tracked
from written_metadata import Metadata

from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.delivery import CatchUpResult, catch_up, dry_run, receipt
from huberflow.pipeline.tracking.tracker import UnreachableError


@dataclass
class Place:
    """A workspace, and the store that belongs to it."""

    workspace: Workspace

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.workspace.tracking}/mlflow.db"

    def catch_up(self) -> CatchUpResult:
        return catch_up(self.workspace, self.uri, lambda *_: None)

    def database(self) -> list[str]:
        """Every row of every table."""
        with sqlite3.connect(self.workspace.tracking / "mlflow.db") as database:
            return list(database.iterdump())

    def dump(self) -> dict:
        """All that was logged, by huberflow's keys."""
        return Tracked(self.uri).dump()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two models, the second not blessed; a run of a sweep, one that failed, one that was killed.

    All is delivered.
    """
    place = Place(Workspace(tmp_path_factory.mktemp("w")))
    workspace, journals = place.workspace, place.workspace.journals
    whole_run(workspace, "run-1").ends()
    whole_run(workspace, "run-2", blessed=False, first_id=100).ends()
    Story(journals, "run-3", kind="sweep").ends()
    facts = {"log": "none", "sweep_name": "name of run-3", "sweep_started": 1_700_000_000.0}
    trial = Story(journals, "run-4", sweep="run-3", facts=facts)
    trial.starts("Trainer").fails("Trainer", "diverged").ends("failed")
    Story(journals, "run-5").starts("Transform").breaks_off()
    outcome = place.catch_up()
    assert len(outcome.delivered) == 5
    assert outcome.failed == []
    return place


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "w")


@pytest.fixture
def new(workspace, empty_store):
    """A workspace with a store, and nothing in either."""
    workspace.tracking.mkdir(parents=True)
    shutil.copy(empty_store, workspace.tracking)
    return Place(workspace)


class TestASecondTime:
    def test_delivers_nothing_and_changes_nothing(self, place):
        before = place.database()
        assert place.catch_up() == CatchUpResult([], already_there=5, failed=[])
        assert place.database() == before


class TestADatabaseThatWasDeleted:
    def test_is_as_before(self, place, workspace):
        before = place.dump()
        assert len(before["runs"]) == 17
        aliases = [(version, aliases) for version, _, aliases, _ in before["models"]]
        assert aliases == [(1, ["champion"]), (2, ["challenger"])]
        shutil.rmtree(place.workspace.tracking)
        # In another process: MLflow in this one would go on with the file that was deleted.
        huberflow = Path(sys.executable).with_name("huberflow")
        command = [huberflow, "track", "--workspace", place.workspace.root]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == ("delivered 5, already there 0\n", "")
        workspace.tracking.mkdir(parents=True)
        shutil.copy(place.workspace.tracking / "mlflow.db", workspace.tracking)
        assert Place(workspace).dump() == before


class TestARun:
    def test_that_was_killed_is_closed(self, place):
        assert place.dump()["runs"][f"{place.workspace.identity}/run-5"]["status"] == "KILLED"

    def test_is_named_in_its_metadata(self, workspace, new):
        Metadata(workspace).execution("Transform", "run-1")
        Story(workspace.journals).ends()
        new.catch_up()
        assert Records.of(workspace).tracking_id("run-1") == receipt(workspace, "run-1").run

    def test_needs_no_metadata_and_makes_none(self, workspace, new):
        Story(workspace.journals).ends()
        assert len(new.catch_up().delivered) == 1
        assert not workspace.metadata.exists()

    def test_is_reported_before_it_is_delivered(self, workspace, new):
        for run_id in ("run-1", "run-2"):
            Story(workspace.journals, run_id).ends()
        reported = []
        catch_up(workspace, new.uri, lambda run, *count: reported.append((run.id, *count)))
        assert reported == [("run-1", 1, 2), ("run-2", 2, 2)]

    def test_that_cannot_be_delivered_keeps_none_back(self, workspace, new):
        damaged = Story(workspace.journals, "a-damaged").path
        damaged.write_text("{}\n")
        gone = {key: (workspace.root / "gone", {}) for key in ("model", "model_run")}
        Story(workspace.journals, "b-gone").runs("Trainer", outputs=gone).ends()
        Story(workspace.journals, "c-whole").ends()
        outcome = new.catch_up()
        assert [run.id for run in outcome.delivered] == ["c-whole"]
        of_damaged, of_gone = outcome.failed
        assert of_damaged.startswith(f"{damaged}: expected the journal of a run")
        assert of_gone.startswith("b-gone: cannot be delivered: FileNotFoundError")


def test_a_server_that_is_down_is_reported_once(workspace):
    """Not once for each run."""
    for run_id in ("run-1", "run-2"):
        Story(workspace.journals, run_id).ends()
    with pytest.raises(UnreachableError, match="Connection refused"):
        catch_up(workspace, f"http://127.0.0.1:{free_port()}", lambda *_: None)


class TestDryRun:
    def test_lists_what_no_server_has(self, workspace, new):
        Story(workspace.journals, "run-1").ends()
        new.catch_up()
        whole_run(workspace, "run-2").ends()
        outcome = dry_run(workspace)
        assert [run.id for run in outcome.delivered] == ["run-2"]
        assert outcome.failed == []

    def test_reports_what_could_not_be_delivered_and_writes_nothing(self, workspace):
        gone = {key: (workspace.root / "gone", {}) for key in ("model", "model_run")}
        Story(workspace.journals).runs("Trainer", outputs=gone).ends()
        before = set(workspace.root.rglob("*"))
        outcome = dry_run(workspace)
        assert outcome.delivered == []
        assert "run-1: cannot be delivered: FileNotFoundError" in outcome.failed[0]
        assert set(workspace.root.rglob("*")) == before
