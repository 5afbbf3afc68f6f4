"""The journal of a run, and the run that is read from it."""

from __future__ import annotations

import errno
import json
import os
import resource
import shlex
import shutil
import stat
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import pytest
from journals import START, Story

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.journal import Journal, close_killed
from huberflow.pipeline.history.metadata_store import Artifact, Execution
from huberflow.pipeline.history.run_history import Epoch, RunMetadata
from huberflow.pipeline.history.workspace import Workspace

BEGIN = '{"event": "started", "time": 1, "id": "a", "name": "a", "experiment": "a", "facts": {}}\n'


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def story(workspace):
    return Story(workspace.journals)


def execution(tmp_path) -> Execution:
    return Execution(
        id=7,
        node="Trainer",
        run="run-1",
        state="ran",
        properties={"custom_config": {"training": {"epochs": 2}}},
        inputs={"examples": (Artifact(1, tmp_path / "examples", {"span": 0}),)},
        outputs={"model": (Artifact(2, tmp_path / "model", {}),)},
    )


class TestJournal:
    @pytest.fixture
    def journal(self, workspace):
        return Journal(
            workspace.journal("run-1"), "a name", "taxi", {"seed": 42}, RunMetadata(host="here")
        )

    def read(self, workspace):
        return run_history.read_run(workspace.journal("run-1"))

    def test_begins_with_what_the_run_is(self, journal, workspace):
        run = self.read(workspace)
        assert (run.id, run.name, run.kind, run.status) == ("run-1", "a name", "run", "running")
        assert (run.config, run.metadata, run.sweep) == (
            {"seed": 42},
            RunMetadata(host="here"),
            None,
        )

    def test_has_a_node_as_the_metadata_and_what_it_used(self, journal, workspace, tmp_path):
        journal.node_started("Trainer")
        journal.epoch_finished(EpochProgress(1, 2, START, {"loss": 0.1 + 0.2}))
        journal.node_finished(execution(tmp_path), 2.5)
        run = self.read(workspace)
        node = run.nodes["Trainer"]
        assert node.execution == execution(tmp_path)
        assert (node.state, node.seconds) == ("ran", 2.5)
        assert 20 < node.usage["peak_memory_mb"] < 100_000
        assert run.epochs == (Epoch(1, START, {"loss": 0.1 + 0.2}),)

    def test_has_the_cause_of_a_failure(self, journal, workspace):
        journal.node_started("Trainer")
        journal.node_failed("Trainer", 1.0, ValueError("no rows\nat line 3"))
        journal.run_finished("failed")
        run = self.read(workspace)
        assert run.status == "failed"
        assert (run.nodes["Trainer"].state, run.nodes["Trainer"].cause) == ("failed", "no rows")

    def test_has_no_secret_and_no_reader_but_its_owner(self, workspace, tmp_path):
        url, command = "http://bob:hunter2@host", "huberflow run --set tracking.uri="
        metadata = RunMetadata(command=f"{command}{url}", changes={"api_key": "hunter2"})
        config = {"tracking": {"uri": url}, "seed": 42}
        journal = Journal(workspace.journal("run-1"), f"uri={url}", "taxi", config, metadata)
        journal.node_started("Trainer")
        journal.node_failed("Trainer", 1.0, ValueError(f"cannot reach {url}"), execution(tmp_path))
        journal.node_started("Evaluator")
        secretive = replace(execution(tmp_path), properties={"custom_config": {"token": "hunter2"}})
        journal.node_finished(secretive, 1.0)
        path = workspace.journal("run-1")
        assert "hunter2" not in path.read_text()
        assert self.read(workspace).config == {"tracking": {"uri": "http://***@host"}, "seed": 42}
        assert stat.filemode(path.stat().st_mode) == "-rw-------"

    def test_can_be_read_at_any_time(self, story):
        """Every line is whole or not there."""
        story.runs("Transform").starts("Trainer").breaks_off()
        run = run_history.read_run(story.path)
        assert [(n.name, n.state) for n in run.nodes.values()] == [
            ("Transform", "ran"),
            ("Trainer", "running"),
        ]


@contextmanager
def room_for(path, size: int):
    """In the block a file can grow by so many bytes; a write that needs more is cut short."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


class TestFullDisk:
    def test_an_event_without_room_is_not_there_at_all(self, story):
        before = story.path.read_bytes()
        with room_for(story.path, 20), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            story.starts("Trainer")
        assert story.path.read_bytes() == before

    def test_the_next_event_is_whole(self, story):
        with room_for(story.path, 20), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            story.starts("Trainer")
        story.runs("Trainer").ends()
        run = run_history.read_run(story.path)
        assert (run.status, run.nodes["Trainer"].state, run.damage) == ("done", "ran", None)

    def test_an_event_does_not_join_what_a_killed_process_left(self, story):
        story.runs("Transform").starts("Trainer").breaks_off().ends("killed")
        run = run_history.read_run(story.path)
        assert (run.status, [*run.nodes], run.damage) == ("killed", ["Transform", "Trainer"], None)


class TestDamagedJournal:
    """As earlier versions left it after a full disk, or as a disk returns it."""

    @pytest.fixture(
        params=[b'{"event": "epo{"event": "ended"}\n', b"\0\0\0\n", b"\xff\xfe\n", b"7\n"],
        ids=["two events in one line", "zeros", "no text", "no event"],
    )
    def damaged(self, story, request):
        story.runs("Transform").starts("Trainer")
        with story.path.open("ab") as file:
            file.write(request.param)
        return story

    def test_is_read_up_to_the_damage_and_that_is_said(self, damaged, workspace):
        damaged.finishes("Trainer").ends("done")
        warnings = []
        (run,) = run_history.all_runs(workspace, warnings.append)
        assert (run.status, run.ended) == ("killed", START + 3)
        assert [node.state for node in run.nodes.values()] == ["ran", "running"]
        (line,) = warnings
        assert line.startswith(f"{damaged.path}: line 5 is damaged")

    def test_is_closed_once(self, damaged, workspace):
        assert close_killed(workspace) == ["run-1"]
        assert close_killed(workspace) == []
        assert run_history.read_run(damaged.path).status == "killed"


class TestJournalThatCannotBeRead:
    """The other journals are read all the same."""

    @pytest.fixture
    def warning(self, workspace):
        """The warning where one of two journals has this text."""

        def warning(text: str) -> str:
            Story(workspace.journals, "whole")
            workspace.journal("damaged").write_text(text)
            warnings = []
            runs = run_history.all_runs(workspace, warnings.append)
            assert [run.id for run in runs] == ["whole"]
            (warning,) = warnings
            return warning

        return warning

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ("half a li\n", "expected an event in line 1, received b'half a li\\n'"),
            ("{}\n", "KeyError: 'event'"),
            ("7\n", "expected an event in line 1, received b'7\\n'"),
            ('{"event": "started", "time": 1}\n', "KeyError: 'facts'"),
            ('{"event": "ended", "time": 1}\n', "expected a journal that begins with a run"),
            (f'{BEGIN}{{"event": "paused", "time": 2}}\n', "received 'paused'"),
        ],
        ids=["cut off", "no event", "no object", "facts", "beginning", "of a later version"],
    )
    def test_is_named_with_the_cause_and_what_to_do(self, warning, workspace, text, cause):
        line, path = warning(text), workspace.journal("damaged")
        assert line.startswith(f"{path}: expected the journal of a run")
        assert cause in line
        assert line.endswith(f"write: mv {path} {path}.damaged")
        assert "\n" not in line

    def test_what_it_says_to_write_ends_it(self, warning, workspace):
        command = warning("{}\n").partition("write: ")[2]
        subprocess.run(shlex.split(command), check=True)
        assert [run.id for run in run_history.all_runs(workspace, pytest.fail)] == ["whole"]

    def test_is_not_one_that_is_about_to_begin(self, workspace):
        workspace.journals.mkdir()
        workspace.journal("new").touch()
        assert run_history.all_runs(workspace, pytest.fail) == []


class TestHistory:
    def test_is_oldest_first(self, workspace):
        Story(workspace.journals, "b", time=START)
        Story(workspace.journals, "a", time=START + 10)
        assert [run.id for run in run_history.all_runs(workspace, pytest.fail)] == ["b", "a"]

    def test_curves_are_the_runs_own_while_it_trains(self, story):
        story.starts("Trainer").trains(1, loss=2.0).trains(2, loss=1.0)
        assert [e.values for e in run_history.model_epochs(run_history.read_run(story.path))] == [
            {"loss": 2.0},
            {"loss": 1.0},
        ]

    def test_curves_of_a_cached_model_are_those_of_its_training(self, story, tmp_path):
        (tmp_path / "epochs.csv").write_text("epoch,loss,time\n0,2.5,1700.25\n1,1.25,1701.5\n")
        story.runs("Trainer", state="cached", outputs={"model_run": (tmp_path, {})})
        assert run_history.model_epochs(run_history.read_run(story.path)) == (
            Epoch(1, 1700.25, {"loss": 2.5}),
            Epoch(2, 1701.5, {"loss": 1.25}),
        )


def test_artifacts_are_found_where_the_workspace_lies_now(tmp_path):
    old = Workspace(tmp_path / "old")
    model = old.artifacts / "Trainer" / "model" / "7"
    model.mkdir(parents=True)
    where = str(old.root / "serving" / "taxi" / "1")
    outputs = {"model": (model, {"pushed_destination": where}), "gone": (model / "../8", {})}
    Story(old.journals).runs("Trainer", outputs=outputs)
    new = Workspace(shutil.move(old.root, tmp_path / "new"))
    run = run_history.read_run(new.journal("run-1"))
    found = run.artifact("model")
    assert found.uri == new.artifacts / "Trainer" / "model" / "7"
    assert found.properties == {"pushed_destination": str(new.root / "serving" / "taxi" / "1")}
    assert run.artifact("gone").uri == model / "../8"


class TestKilledRuns:
    def test_are_closed(self, story, workspace):
        story.runs("Transform").starts("Trainer")
        assert close_killed(workspace) == ["run-1"]
        run = run_history.read_run(story.path)
        assert run.status == "killed"
        assert run.ended == pytest.approx(story.path.stat().st_mtime, abs=60)

    def test_are_closed_once_where_a_line_was_half_written(self, story, workspace):
        story.starts("Trainer").breaks_off()
        assert close_killed(workspace) == ["run-1"]
        assert run_history.read_run(story.path).status == "killed"
        before = story.path.read_bytes()
        assert close_killed(workspace) == []
        assert story.path.read_bytes() == before

    @pytest.mark.parametrize("status", ["done", "failed", "interrupted"])
    def test_are_not_those_that_ended(self, story, workspace, status):
        story.ends(status)
        assert close_killed(workspace) == []
        assert run_history.read_run(story.path).status == status

    def test_that_said_nothing_leave_nothing(self, workspace):
        workspace.journals.mkdir()
        workspace.journal("run-2").write_text('{"event": "sta')
        assert close_killed(workspace) == []
        assert not workspace.journal("run-2").exists()

    def test_an_event_is_one_line_of_json(self, story):
        story.runs("Trainer", properties={"text": "two\nlines"})
        lines = story.path.read_text().splitlines()
        assert [json.loads(line)["event"] for line in lines] == [
            "started",
            "node_started",
            "node_finished",
        ]
