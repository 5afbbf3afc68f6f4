"""What is read back from a real ML Metadata store, and how a killed run is cleared away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from written_metadata import Metadata

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace

RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def metadata(workspace):
    return Metadata(workspace)


@pytest.fixture
def records(workspace):
    return Records.of(workspace)


class TestRun:
    def test_has_its_nodes_in_the_order_in_which_they_started(self, metadata, records):
        for node in ("ExampleGen", "Transform", "Trainer"):
            metadata.execution(node)
        metadata.execution("Trainer", run="run-2")
        found = records.run("run-1")
        assert list(found) == ["ExampleGen", "Transform", "Trainer"]
        assert {(e.node, e.run) for e in found.values()} == {(node, "run-1") for node in found}

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            (pb.Execution.COMPLETE, "ran"),
            (pb.Execution.CACHED, "cached"),
            (pb.Execution.RUNNING, "running"),
            (pb.Execution.NEW, "running"),
            (pb.Execution.FAILED, "failed"),
            (pb.Execution.CANCELED, "failed"),
        ],
    )
    def test_says_how_a_node_ended(self, metadata, records, written, read):
        metadata.execution(state=written)
        assert records.run("run-1")["Trainer"].state == read

    def test_a_resolver_only_looks_up(self, metadata, records):
        metadata.execution("Baseline", type_name=RESOLVER)
        metadata.execution("Other", type_name=RESOLVER, state=pb.Execution.FAILED)
        found = records.run("run-1")
        assert (found["Baseline"].state, found["Other"].state) == ("resolved", "failed")

    def test_of_an_unknown_name_is_empty(self, metadata, records):
        metadata.execution()
        assert records.run("run-9") == {}

    def test_has_inputs_and_outputs_by_key(self, metadata, records):
        examples, graph, model = (metadata.artifact(f"/w/{name}") for name in ("e", "g", "m"))
        metadata.execution(
            inputs=[("examples", examples), ("transform_graph", graph)], outputs=[("model", model)]
        )
        trainer = records.run("run-1")["Trainer"]
        assert {k: [a.uri for a in v] for k, v in trainer.inputs.items()} == {
            "examples": [Path("/w/e")],
            "transform_graph": [Path("/w/g")],
        }
        assert trainer.output("model").id == model

    def test_several_artifacts_under_a_key(self, metadata, records):
        outputs = [("model", metadata.artifact(f"/w/{number}")) for number in range(3)]
        metadata.execution(outputs=outputs)
        trainer = records.run("run-1")["Trainer"]
        assert sorted(a.id for a in trainer.outputs["model"]) == [n for _, n in outputs]
        with pytest.raises(ValueError, match="too many values"):
            trainer.output("model")


class TestProperties:
    def test_json_objects_are_read_and_those_of_tfx_itself_left_out(self, metadata, records):
        properties = {"custom_config": '{"training": {"epochs": 5}}', "count": 3, "name": "{x"}
        metadata.execution(properties={**properties, "__external_execution_index__": 0})
        read = {**properties, "custom_config": {"training": {"epochs": 5}}}
        assert records.run("run-1")["Trainer"].properties == read

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ({"train": {"rows": 3}}, {"train": {"rows": 3}}),
            ({"__value__": ["train", "eval"]}, ["train", "eval"]),
        ],
        ids=["an object", "as TFX wraps other JSON values"],
    )
    def test_that_are_structures_are_read(self, metadata, records, written, read):
        metadata.execution(properties={"splits": written})
        assert records.run("run-1")["Trainer"].properties == {"splits": read}

    def test_of_artifacts_may_be_nested(self, metadata, records):
        """ExampleValidator's verdict on each split."""
        output = metadata.artifact(blessed={"train": 1, "eval": 0})
        metadata.execution(outputs=[("anomalies", output)])
        artifact = records.run("run-1")["Trainer"].output("anomalies")
        assert dict(artifact.properties["blessed"].items()) == {"train": 1, "eval": 0}


class TestResolver:
    def test_has_what_it_found_as_outputs(self, metadata, records):
        model = metadata.artifact("/w/model")
        metadata.execution("Trainer", outputs=[("model", model)])
        metadata.execution("Baseline", "run-2", type_name=RESOLVER, found=[("model", model)])
        baseline = records.run("run-2")["Baseline"]
        assert baseline.output("model").uri == Path("/w/model")
        assert records.producer(baseline.output("model")).run == "run-1"


def test_the_newest_artifact_has_the_highest_id(metadata, records):
    assert records.newest_artifact() == 0
    numbers = [metadata.artifact(f"/w/{number}") for number in range(3)]
    assert records.newest_artifact() == max(numbers)


class TestTracking:
    def test_the_last_id_is_on_the_run_and_changes_nothing_else(self, metadata, records):
        metadata.execution(run="run-1", properties={"epochs": 5})
        metadata.execution(run="run-2")
        before = records.run("run-1")
        for tracking_id in ("c0ffee", "decaf"):
            records.write_tracking_id("run-1", tracking_id)
        assert records.tracking_id("run-1") == "decaf"
        assert records.tracking_id("run-2") is None
        assert records.run("run-1") == before

    def test_of_a_run_without_metadata_is_left_out(self, metadata, records):
        records.write_tracking_id("run-9", "c0ffee")
        assert records.tracking_id("run-9") is None
        assert records.run("run-9") == {}

    def test_of_a_new_workspace_makes_no_store(self, records, workspace):
        records.write_tracking_id("run-1", "c0ffee")
        assert records.tracking_id("run-1") is None
        assert not list(workspace.root.iterdir())


class TestBefore:
    def test_is_the_same_node_in_earlier_runs_the_latest_first(self, metadata, records):
        first = metadata.execution(run="run-1")
        metadata.execution("Transform", run="run-1")
        second = metadata.execution(run="run-2", state=pb.Execution.FAILED)
        metadata.execution(run="run-3")
        metadata.execution(run="run-4")
        now = records.run("run-3")["Trainer"]
        earlier = records.before(now)
        assert [(e.id, e.run, e.state) for e in earlier] == [
            (second, "run-2", "failed"),
            (first, "run-1", "ran"),
        ]


class TestProducer:
    def test_is_who_wrote_it_not_who_reused_or_read_it(self, metadata, records):
        model = metadata.artifact()
        metadata.execution(run="run-1", outputs=[("model", model)])
        cached = {"state": pb.Execution.CACHED, "outputs": [("model", model)]}
        metadata.execution(run="run-2", **cached)
        metadata.execution("Evaluator", run="run-2", inputs=[("model", model)])
        reused = records.run("run-2")["Trainer"]
        assert reused.state == "cached"
        assert records.producer(reused.output("model")).run == "run-1"

    def test_is_nobody_where_the_artifact_came_from_elsewhere(self, metadata, records):
        model = metadata.artifact()
        metadata.execution("Found", type_name=RESOLVER, found=[("model", model)])
        found = records.run("run-1")["Found"].output("model")
        assert records.producer(found) is None


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


class TestADamagedDatabase:
    def test_is_named_with_what_to_do(self, records, workspace):
        workspace.metadata.write_text("this is no database at all")
        with pytest.raises(InputError) as refused:
            records.close_unfinished()
        error = refused.value
        assert error.key == str(workspace.metadata)
        assert "(file is not a database)" in error.received
        assert error.write == f"mv {workspace.metadata} {workspace.metadata}.damaged"
        assert "\n" not in str(error)


NOTHING_WRITTEN = """
import resource, signal, sys
from pathlib import Path
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
Records.of(Workspace(Path(sys.argv[1]))).close_unfinished()
"""


def test_a_disk_that_fails_is_no_damaged_database(metadata, workspace):
    metadata.execution()
    (workspace.root / "new").mkdir()
    (workspace.root / "new" / "metadata.sqlite").touch()
    command = [sys.executable, "-c", NOTHING_WRITTEN, workspace.root / "new"]
    done = subprocess.run(command, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("RuntimeError: "), "the file would be moved away for nothing"
    assert "disk I/O error" in last


class TestCloseUnfinished:
    def test_marks_what_is_open_as_failed_and_nothing_else(self, metadata, records):
        states = [
            pb.Execution.NEW,
            pb.Execution.RUNNING,
            pb.Execution.COMPLETE,
            pb.Execution.CACHED,
            pb.Execution.FAILED,
            pb.Execution.CANCELED,
        ]
        numbers = [metadata.execution(run=f"run-{state}", state=state) for state in states]
        closed = records.close_unfinished()
        assert [e.id for e in closed] == numbers[:2]
        assert [metadata.state(number) for number in numbers] == [
            pb.Execution.FAILED,
            pb.Execution.FAILED,
            *states[2:],
        ]

    def test_keeps_the_properties_and_is_done_once(self, metadata, records):
        metadata.execution("Transform", state=pb.Execution.RUNNING, properties={"epochs": 5})
        assert [(e.node, e.run) for e in records.close_unfinished()] == [("Transform", "run-1")]
        assert records.close_unfinished() == []
        closed = records.run("run-1")["Transform"]
        assert (closed.state, closed.properties) == ("failed", {"epochs": 5})

    def test_removes_what_it_half_wrote_and_nothing_else(self, metadata, records, workspace):
        done = metadata.execution()
        work = {"__stateful_working_dir_index__": "in-progress"}
        killed = metadata.execution(run="run-2", state=pb.Execution.RUNNING, properties=work)
        kept = [
            f"artifacts/Trainer/model/{done}/saved_model.pb",
            f"artifacts/Trainer/model/{killed}0/saved_model.pb",
            "artifacts/Trainer/.system/stateful_working_dir/another/x",
            f"artifacts/Trainer/.system/executor_execution/{killed}0/x",
            f"serving/taxi/{killed}/saved_model.pb",
            f"logs/{killed}/log",
        ]
        half_written = [
            f"artifacts/Trainer/model/{killed}/Format-Serving/saved_model.pb",
            f"artifacts/Trainer/model_run/{killed}/epochs.csv",
            f"artifacts/Trainer/.system/executor_execution/{killed}/.temp/rows",
            "artifacts/Trainer/.system/stateful_working_dir/in-progress/x",
        ]
        for path in kept:
            (workspace.root / path).parent.mkdir(parents=True)
            (workspace.root / path).touch()
        for folder in ("model", "model_run"):
            (workspace.artifacts / "Trainer" / folder).mkdir(exist_ok=True)
        before = everything_below(workspace.root)
        for path in half_written:
            (workspace.root / path).parent.mkdir(parents=True)
            (workspace.root / path).touch()
        records.close_unfinished("run-2")
        assert everything_below(workspace.root) == before

    def test_removes_what_tfx_leaves_of_those_that_failed(self, metadata, records, workspace):
        metadata.execution(state=pb.Execution.FAILED)
        work = workspace.artifacts / "Trainer" / ".system" / "stateful_working_dir"
        (work / "of-the-failed").mkdir(parents=True)
        records.close_unfinished()
        assert list(work.iterdir()) == []

    def test_of_one_run_leaves_others_that_go_on(self, metadata, records):
        for run in ("run-1", "run-2"):
            metadata.execution(run=run, state=pb.Execution.RUNNING)
        assert [e.run for e in records.close_unfinished("run-2")] == ["run-2"]
        assert records.run("run-1")["Trainer"].state == "running"

    def test_a_new_workspace_has_nothing_open_and_stays_empty(self, records, workspace):
        assert records.close_unfinished() == []
        assert not list(workspace.root.iterdir())
