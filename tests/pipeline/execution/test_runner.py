"""A small pipeline through TFX itself: what a run tells, keeps, and leaves behind."""

from __future__ import annotations

import logging
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import tiny_nodes
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.types import Channel
from tfx.types.standard_artifacts import Model

from huberflow.components.contracts.lineage import LINEAGE, RunLineage, TrackingTag
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.execution.runner import LocalRunner
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.interruption import first_line, termination_as_interrupt

NODES = ["Numbers", "Total", "Report"]


class Recorder:
    """Hooks that write down what they are told."""

    def __init__(self) -> None:
        self.told = []
        self.errors = []

    def run_started(self, run_id, nodes):
        self.told.append(("run started", run_id, list(nodes)))

    def node_started(self, node):
        self.told.append(("started", node))

    def node_finished(self, execution, seconds):
        assert seconds >= 0
        self.told.append(("finished", execution.node, execution.state))

    def node_failed(self, node, seconds, error):
        assert seconds >= 0
        self.errors.append(error)
        self.told.append(("failed", node))

    def epoch_finished(self, progress):
        self.told.append(("epoch", progress.epoch))

    def run_finished(self, status):
        self.told.append(("run finished", status))


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
        LocalRunner(run_id, self.workspace, hooks).run(self.pipeline(**options))

    def states(self, run_id: str) -> dict[str, str]:
        found = Records(self.workspace).run(run_id)
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
    def test_tells_every_step_in_order(self, runs):
        recorder = Recorder()
        runs.run("run-1", recorder)
        steps = [(("started", node), ("finished", node, "ran")) for node in NODES]
        assert recorder.told == [
            ("run started", "run-1", NODES),
            *sum(steps, ()),
            ("run finished", "done"),
        ]

    def test_tells_how_training_goes(self, runs):
        runs.trouble.write_text("train")
        recorder = Recorder()
        runs.run("run-1", recorder)
        assert recorder.told[3:7] == [
            ("started", "Total"),
            ("epoch", 1),
            ("epoch", 2),
            ("finished", "Total", "ran"),
        ]

    def test_hears_of_training_no_longer_than_it_lasts(self, runs):
        runs.run("run-1")
        assert not logging.getLogger("huberflow.training").handlers

    def test_tells_all_its_listeners(self, runs):
        first, second = Recorder(), Recorder()
        runs.run("run-1", first, second)
        assert first.told == second.told != []

    def test_does_the_work(self, runs):
        runs.run("run-1")
        report = Records(runs.workspace).run("run-1")["Report"].output("report")
        assert (report.uri / "report.txt").read_text() == "10"

    def test_is_recorded_under_its_id(self, runs):
        runs.run("run-1")
        assert runs.states("run-1") == dict.fromkeys(NODES, "ran")

    def test_a_second_one_is_cached(self, runs):
        recorder = Recorder()
        runs.run("run-1")
        runs.run("run-2", recorder)
        assert runs.states("run-2") == dict.fromkeys(NODES, "cached")
        assert [step for step in recorder.told if step[0] == "finished"] == [
            ("finished", node, "cached") for node in NODES
        ]
        records = Records(runs.workspace)
        model = records.run("run-2")["Total"].output("total")
        assert records.producer(model).run == "run-1"

    def test_passes_the_lineage_which_is_not_part_of_the_cache(self, runs):
        tag = TrackingTag(tag="t", value="v")
        for name in ("run-1", "run-2"):
            lineage = RunLineage(run=name, mlflow=tag, git=None)
            pipeline = runs.pipeline_of(tiny_nodes.Lineage())
            LocalRunner(name, runs.workspace, [], lineage=lineage).run(pipeline)
        first, second = (Records(runs.workspace).run(f"run-{n}")["Lineage"] for n in (1, 2))
        assert (first.state, second.state) == ("ran", "cached")
        written = (second.output("model").uri / "lineage.json").read_text()
        assert RunLineage.from_text(written).run == "run-1"
        assert LINEAGE not in first.properties

    def test_a_second_one_without_cache_runs(self, runs):
        runs.run("run-1")
        runs.run("run-2", cache=False)
        assert runs.states("run-2") == dict.fromkeys(NODES, "ran")

    def test_a_change_runs_its_node_and_what_follows(self, runs):
        runs.run("run-1")
        runs.run("run-2", count=4)
        assert runs.states("run-2") == dict.fromkeys(NODES, "ran")
        changed = Records(runs.workspace).run("run-2")["Numbers"]
        assert changed.properties["count"] == 4


class TestAtTheSameTime:
    @pytest.fixture
    def together(self, runs):
        """Runs several pipelines at once, as the trials of a sweep; each run's states."""
        node_locks = runs.workspace.root / "node_locks"
        node_locks.mkdir()

        def together(*counts: int) -> dict[int, list[dict[str, str]]]:
            def run(number: int, count: int) -> None:
                LocalRunner(f"run-{number}", runs.workspace, [], node_locks).run(
                    runs.pipeline(count=count)
                )

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


@pytest.fixture
def failed(runs):
    """A run whose middle node fails."""
    runs.trouble.write_text("fail")
    recorder = Recorder()
    with pytest.raises(NodeFailedError) as caught:
        runs.run("run-1", recorder)
    return runs, recorder, caught.value


class TestFailure:
    def test_names_the_node_and_the_cause_in_one_line(self, failed):
        _, _, error = failed
        assert str(error) == "Total failed: no rows in the data"
        assert error.node == "Total"
        assert isinstance(error.__cause__, ValueError)

    def test_ends_the_run_there(self, failed):
        _, recorder, error = failed
        assert recorder.told[-4:] == [
            ("finished", "Numbers", "ran"),
            ("started", "Total"),
            ("failed", "Total"),
            ("run finished", "failed"),
        ]
        assert recorder.errors == [error.__cause__]

    def test_is_recorded(self, failed):
        runs, _, _ = failed
        assert runs.states("run-1") == {"Numbers": "ran", "Total": "failed"}
        assert runs.recorded_state("Total") == pb.Execution.FAILED

    def test_leaves_nothing_half_written(self, failed):
        runs, _, _ = failed
        assert runs.left_by("Total") == []
        assert runs.left_by("Numbers") == ["numbers.txt"]

    def test_the_next_run_goes_on_from_there(self, failed):
        runs, _, _ = failed
        runs.trouble.unlink()
        runs.run("run-2")
        assert runs.states("run-2") == {"Numbers": "cached", "Total": "ran", "Report": "ran"}

    def test_of_a_node_whose_input_is_not_there(self, runs):
        """TFX itself only logs this, and goes on."""
        latest = Resolver(strategy_class=LatestArtifactStrategy, model=Channel(type=Model))
        report = tiny_nodes.Report(total=latest.with_id("Latest").outputs["model"])
        with pytest.raises(NodeFailedError, match="Latest failed: its inputs could not be res"):
            LocalRunner("run-1", runs.workspace, []).run(runs.pipeline_of(latest, report))

    def test_inside_beam_loses_beams_wrapping(self, runs):
        runs.trouble.write_text("fail in beam")
        with pytest.raises(NodeFailedError) as caught:
            runs.run("run-1")
        assert str(caught.value.__cause__).endswith(" [while running 'Divide']")
        assert str(caught.value).startswith("Total failed: ")
        assert str(caught.value).endswith("division or modulo by zero")


@pytest.fixture
def interrupted(runs):
    """A run whose middle node is interrupted."""
    runs.trouble.write_text("interrupt")
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt):
        runs.run("run-1", recorder)
    return runs, recorder


class TestInterrupt:
    def test_is_told(self, interrupted):
        _, recorder = interrupted
        assert recorder.told[-2:] == [("failed", "Total"), ("run finished", "interrupted")]
        assert [type(error) for error in recorder.errors] == [KeyboardInterrupt]

    def test_closes_what_was_open(self, interrupted):
        runs, _ = interrupted
        assert runs.recorded_state("Total") == pb.Execution.FAILED

    def test_removes_what_was_half_written(self, interrupted):
        runs, _ = interrupted
        assert runs.left_by("Total") == []
        assert runs.left_by("Numbers") == ["numbers.txt"]

    def test_the_next_run_goes_on_from_there(self, interrupted):
        runs, _ = interrupted
        runs.trouble.unlink()
        runs.run("run-2")
        assert runs.states("run-2") == {"Numbers": "cached", "Total": "ran", "Report": "ran"}


class TestTermination:
    def test_unwinds_like_an_interrupt(self):
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"), termination_as_interrupt():
            signal.raise_signal(signal.SIGTERM)

    def test_is_as_before_afterwards(self):
        before = signal.getsignal(signal.SIGTERM)
        with termination_as_interrupt():
            assert signal.getsignal(signal.SIGTERM) is not before
        assert signal.getsignal(signal.SIGTERM) is before


class TestFirstLine:
    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (ValueError("no rows\nat line 3"), "no rows"),
            (ValueError("\n\n  no rows\n"), "no rows"),
            (RuntimeError("no rows [while running 'Read/Map(<lambda at x.py:3>)']"), "no rows"),
            (ValueError(), "ValueError"),
            (ValueError("  \n "), "ValueError"),
            (KeyboardInterrupt(), "KeyboardInterrupt"),
        ],
    )
    def test_says_what_went_wrong(self, error, line):
        assert first_line(error) == line
