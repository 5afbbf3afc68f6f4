"""A small pipeline through TFX itself: what a run reports, records, and leaves behind."""

from __future__ import annotations

import errno
import logging
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiny_nodes
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline, RunOptions
from tfx.types import Channel
from tfx.types.standard_artifacts import Model

from huberflow.components.contracts.lineage import LINEAGE, RunLineage, TrackingTag
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.execution.runner import LocalRunner
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace

NODES = ["Numbers", "Total", "Report"]


class Recorder(Hooks):
    """Hooks that record the events."""

    def __init__(self) -> None:
        self.events = []
        self.errors = []

    def run_started(self, run_id, nodes):
        self.events.append(("run started", run_id, list(nodes)))

    def node_started(self, node):
        self.events.append(("started", node))

    def node_finished(self, execution, seconds):
        assert seconds >= 0
        self.events.append(("finished", execution.node, execution.state))

    def node_skipped(self, node):
        self.events.append(("skipped", node))

    def node_failed(self, node, seconds, error, execution=None):
        assert seconds >= 0
        self.errors.append(error)
        self.events.append(("failed", node))

    def epoch_finished(self, progress):
        self.events.append(("epoch", progress.epoch))

    def run_finished(self, status):
        self.events.append(("run finished", status))


class Runs:
    """Runs the tiny pipeline in one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.trouble = workspace.root / "trouble.txt"

    def pipeline(self, *, cache: bool = True, count: int = 5) -> Pipeline:
        numbers = tiny_nodes.Numbers(count=count)
        total = tiny_nodes.Total(numbers=numbers.outputs["numbers"], trouble=str(self.trouble))
        report = tiny_nodes.Report(total=total.outputs["total"])
        return self.pipeline_of(numbers, total, report, cache=cache)

    def pipeline_of(self, *nodes, cache: bool = True) -> Pipeline:
        return Pipeline(
            pipeline_name="tiny",
            pipeline_root=str(self.workspace.artifacts),
            components=nodes,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(
                str(self.workspace.metadata)
            ),
            enable_cache=cache,
        )

    def run(self, run_id: str, *hooks, **options) -> None:
        LocalRunner(run_id, hooks, root=self.workspace.root).run(self.pipeline(**options))

    def states(self, run_id: str) -> dict[str, str]:
        found = Records.of(self.workspace).run(run_id)
        return {node: execution.state for node, execution in found.items()}

    def recorded_state(self, node: str) -> int:
        """What ML Metadata itself has for a node's last execution."""
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = str(self.workspace.metadata)
        store = MetadataStore(config)
        context = store.get_context_by_type_and_name("node", f"tiny.{node}")
        return max(store.get_executions_by_context(context.id), key=lambda e: e.id).last_known_state

    def left_by(self, node: str) -> list[str]:
        return [path.name for path in self.workspace.artifacts.glob(f"{node}/*/*/*.txt")]


@pytest.fixture
def runs(tmp_path):
    return Runs(Workspace(tmp_path))


class TestRun:
    def test_reports_every_event_in_order_to_all_hooks(self, runs):
        runs.trouble.write_text("train")
        first, second = Recorder(), Recorder()
        runs.run("run-1", first, second)
        assert first.events == [
            ("run started", "run-1", NODES),
            ("started", "Numbers"),
            ("finished", "Numbers", "ran"),
            ("started", "Total"),
            ("epoch", 1),
            ("epoch", 2),
            ("finished", "Total", "ran"),
            ("started", "Report"),
            ("finished", "Report", "ran"),
            ("run finished", "done"),
        ]
        assert second.events == first.events
        assert not logging.getLogger("huberflow.training").handlers

    def test_is_recorded_under_its_id_with_its_outputs(self, runs):
        runs.run("run-1")
        assert runs.states("run-1") == dict.fromkeys(NODES, "ran")
        report = Records.of(runs.workspace).run("run-1")["Report"].output("report")
        assert (report.uri / "report.txt").read_text() == "10"

    def test_a_second_one_is_cached(self, runs):
        recorder = Recorder()
        runs.run("run-1")
        runs.run("run-2", recorder)
        assert runs.states("run-2") == dict.fromkeys(NODES, "cached")
        assert [event for event in recorder.events if event[0] == "finished"] == [
            ("finished", node, "cached") for node in NODES
        ]
        records = Records.of(runs.workspace)
        model = records.run("run-2")["Total"].output("total")
        assert records.producer(model).run == "run-1"

    def test_passes_the_lineage_which_is_not_part_of_the_cache(self, runs):
        tag = TrackingTag(tag="t", value="v")
        for name in ("run-1", "run-2"):
            lineage = RunLineage(run=name, mlflow=tag, git=None)
            pipeline = runs.pipeline_of(tiny_nodes.Lineage())
            LocalRunner(name, [], lineage=lineage).run(pipeline)
        first, second = (Records.of(runs.workspace).run(f"run-{n}")["Lineage"] for n in (1, 2))
        assert (first.state, second.state) == ("ran", "cached")
        written = (second.output("model").uri / "lineage.json").read_text()
        assert RunLineage.from_text(written).run == "run-1"
        assert LINEAGE not in first.properties

    @pytest.mark.parametrize("change", [{"cache": False}, {"count": 4}])
    def test_a_second_one_runs_without_cache_or_with_another_parameter(self, runs, change):
        runs.run("run-1")
        runs.run("run-2", **change)
        assert runs.states("run-2") == dict.fromkeys(NODES, "ran")


HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def test_a_run_waits_for_a_program_that_has_locked_the_metadata(runs):
    """ML Metadata itself gives up after a quarter of a minute."""
    runs.run("run-1")
    command = [sys.executable, "-c", HOLD, runs.workspace.metadata, "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        runs.run("run-2", count=7)
        assert holder.wait() == 0
    assert runs.states("run-2") == dict.fromkeys(NODES, "ran")


class TestMovedWorkspace:
    """Artifacts are found relative to the workspace, wherever it lies now."""

    @pytest.fixture
    def old(self, tmp_path):
        old = Runs(Workspace(tmp_path / "old" / "runs"))
        old.workspace.root.mkdir(parents=True)
        old.run("run-1")
        return old

    def goes_on(self, folder: Path) -> Runs:
        """The runs of a folder, which a session has locked."""
        runs = Runs(Workspace(folder))
        Records.of(runs.workspace).follow_move()
        return runs

    def test_goes_on_from_the_cache(self, old, tmp_path):
        new = self.goes_on(shutil.move(old.workspace.root, tmp_path / "new"))
        new.run("run-2")
        assert new.states("run-2") == dict.fromkeys(NODES, "cached")
        report = Records.of(new.workspace).run("run-2")["Report"].output("report")
        assert (report.uri / "report.txt").read_text() == "10"
        assert report.uri.is_relative_to(tmp_path / "new")

    def test_writes_nothing_into_its_old_place(self, old, tmp_path):
        new = self.goes_on(shutil.move(old.workspace.root, tmp_path / "new"))
        new.trouble.write_text("train")
        new.run("run-2", cache=False)
        new.run("run-3", count=7)
        assert new.states("run-3") == dict.fromkeys(NODES, "ran")
        assert list((tmp_path / "old").iterdir()) == []

    def test_goes_on_after_a_second_move_too(self, old, tmp_path):
        self.goes_on(shutil.move(old.workspace.root, tmp_path / "new")).run("run-2", count=7)
        back = self.goes_on(shutil.move(tmp_path / "new", tmp_path / "old" / "runs"))
        back.run("run-3")
        back.run("run-4", count=7)
        assert {**back.states("run-3"), **back.states("run-4")} == dict.fromkeys(NODES, "cached")

    def test_a_copy_leaves_the_original_as_it_is(self, old, tmp_path):
        before = contents(old.workspace.root)
        copy = self.goes_on(shutil.copytree(old.workspace.root, tmp_path / "copy"))
        copy.run("run-2")
        assert copy.states("run-2") == dict.fromkeys(NODES, "cached")
        copy.run("run-3", count=7)
        assert contents(old.workspace.root) == before
        shutil.rmtree(old.workspace.root)
        report = Records.of(copy.workspace).run("run-2")["Report"].output("report")
        assert (report.uri / "report.txt").read_text() == "10"

    def test_an_artifact_that_is_not_there_keeps_its_path(self, old, tmp_path):
        """Such as one of a workspace whose database alone was copied."""
        copy = Workspace(tmp_path / "copy")
        copy.root.mkdir()
        shutil.copy(old.workspace.metadata, copy.metadata)
        numbers = tiny_nodes.Numbers(count=5)
        total = tiny_nodes.Total(numbers=numbers.outputs["numbers"], trouble="none")
        new = self.goes_on(copy.root)
        LocalRunner("run-2", [], root=copy.root).run(new.pipeline_of(numbers, total))
        assert new.states("run-2") == {"Numbers": "cached", "Total": "ran"}
        found = Records.of(copy).run("run-2")
        assert found["Numbers"].output("numbers").uri.is_relative_to(old.workspace.root)
        assert found["Total"].output("total").uri.is_relative_to(copy.root)

    def test_keys_of_other_runners_are_tfxs_own(self, old):
        """So that LocalDagRunner and MlflowDagRunner reuse each other's results."""
        for run_id in ("run-2", "run-3"):
            LocalRunner(run_id, []).run(old.pipeline())
        assert old.states("run-3") == dict.fromkeys(NODES, "cached")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestConditions:
    @pytest.mark.parametrize(("count", "state"), [(5, "finished"), (4, "skipped")])
    def test_a_node_whose_condition_is_not_met_is_skipped(self, runs, count, state):
        numbers = tiny_nodes.Numbers(count=count)
        total = tiny_nodes.Total(numbers=numbers.outputs["numbers"], trouble=str(runs.trouble))
        with Cond(numbers.outputs["numbers"].future()[0].property("span") == count - 5):
            report = tiny_nodes.Report(total=total.outputs["total"])
        recorder = Recorder()
        LocalRunner("run-1", [recorder]).run(runs.pipeline_of(numbers, total, report))
        assert recorder.events[-2][:2] == (state, "Report")
        assert recorder.events[-1] == ("run finished", "done")


class TestPartialRun:
    def test_runs_the_chosen_nodes_on_the_results_of_an_earlier_run(self, runs):
        runs.run("run-1")
        recorder = Recorder()
        options = RunOptions(from_nodes=["Total"], to_nodes=["Total"])
        LocalRunner("run-2", [recorder]).run(runs.pipeline(cache=False), options)
        assert recorder.events == [
            ("run started", "run-2", ["Total"]),
            ("started", "Total"),
            ("finished", "Total", "ran"),
            ("run finished", "done"),
        ]


class TestAtTheSameTime:
    @pytest.fixture
    def together(self, runs):
        """Runs several pipelines at once, as the trials of a sweep; each run's states."""
        node_locks = runs.workspace.root / "node_locks"
        node_locks.mkdir()

        def together(*counts: int) -> dict[int, list[dict[str, str]]]:
            def run(number: int, count: int) -> None:
                LocalRunner(f"run-{number}", [], node_locks).run(runs.pipeline(count=count))

            with ThreadPoolExecutor(len(counts)) as threads:
                list(threads.map(run, range(len(counts)), counts))
            states = [runs.states(f"run-{number}") for number in range(len(counts))]
            return {
                each: [s for s, count in zip(states, counts, strict=True) if count == each]
                for each in counts
            }

        return together

    def test_what_they_share_is_done_once(self, together):
        for states in together(5, 7, 5, 5, 7).values():
            for node in NODES:
                found = sorted(state[node] for state in states)
                assert found == [*["cached"] * (len(states) - 1), "ran"]


@pytest.fixture(params=["fail", "interrupt"])
def broken(runs, request):
    """A run whose middle node fails, or is interrupted; its events and its error."""
    runs.trouble.write_text(request.param)
    recorder = Recorder()
    with pytest.raises((NodeFailedError, KeyboardInterrupt)) as caught:
        runs.run("run-1", recorder)
    return runs, recorder, caught.value


class ClosedPipe(Recorder):
    """A display whose reader, such as `head`, has ended before the event's line is printed."""

    def __init__(self, event: str) -> None:
        super().__init__()
        setattr(self, event, self.break_off)

    def break_off(self, *_) -> None:
        raise SystemExit(1)  # as rich does


class FullDisk(ClosedPipe):
    def break_off(self, *_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("event", ["run_started", "node_started", "node_finished"])
@pytest.mark.parametrize(("display", "status"), [(ClosedPipe, "interrupted"), (FullDisk, "failed")])
def test_a_run_that_cannot_be_shown_ends_with_a_word_to_all_hooks(runs, event, display, status):
    recorder = Recorder()
    with pytest.raises((SystemExit, OSError)):
        runs.run("run-1", recorder, display(event))
    assert recorder.events[-1] == ("run finished", status)


class TestBrokenRun:
    def test_ends_at_the_node_and_reports_the_cause(self, broken):
        _, recorder, error = broken
        interrupted = isinstance(error, KeyboardInterrupt)
        assert recorder.events[-4:] == [
            ("finished", "Numbers", "ran"),
            ("started", "Total"),
            ("failed", "Total"),
            ("run finished", "interrupted" if interrupted else "failed"),
        ]
        assert recorder.errors == [error if interrupted else error.cause]

    def test_leaves_nothing_open_or_half_written(self, broken):
        runs, _, _ = broken
        assert runs.states("run-1") == {"Numbers": "ran", "Total": "failed"}
        assert runs.recorded_state("Total") == pb.Execution.FAILED
        assert runs.left_by("Total") == []
        assert runs.left_by("Numbers") == ["numbers.txt"]

    def test_is_continued_by_the_next(self, broken):
        runs, _, _ = broken
        runs.trouble.unlink()
        runs.run("run-2")
        assert runs.states("run-2") == {"Numbers": "cached", "Total": "ran", "Report": "ran"}


class TestFailure:
    @pytest.mark.parametrize(
        ("trouble", "cause"),
        [("fail", "no rows in the data"), ("fail in beam", "division or modulo by zero")],
    )
    def test_names_the_node_and_the_cause_in_one_line(self, runs, trouble, cause):
        runs.trouble.write_text(trouble)
        with pytest.raises(NodeFailedError) as caught:
            runs.run("run-1")
        error = caught.value
        error.details.append("log: run.log")
        assert error.node == "Total"
        assert str(error).startswith("Total failed: ")
        assert str(error).endswith(f"{cause}\nlog: run.log")
        assert error.__cause__ is error.cause

    def test_of_a_node_without_its_input(self, runs):
        """TFX itself only logs this, and continues."""
        latest = Resolver(strategy_class=LatestArtifactStrategy, model=Channel(type=Model))
        report = tiny_nodes.Report(total=latest.with_id("Latest").outputs["model"])
        with pytest.raises(NodeFailedError, match="Latest failed: its inputs could not be res"):
            LocalRunner("run-1", []).run(runs.pipeline_of(latest, report))
