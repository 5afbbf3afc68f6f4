"""Runs of pipelines that are not huberflow's, read from a metadata store that stays as it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from tensorflow_metadata.proto.v0 import anomalies_pb2
from written_metadata import Metadata

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history import pipeline_runs
from huberflow.pipeline.history.pipeline_runs import read_pipelines
from huberflow.pipeline.history.workspace import Workspace

EVALUATOR = "tfx.components.evaluator.component.Evaluator"
RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def metadata(workspace):
    return Metadata(workspace)


@pytest.fixture
def read(workspace):
    def read(**options):
        return read_pipelines(workspace.metadata, **options)

    return read


def runs(pipelines) -> dict[str, dict[str, str]]:
    """The status of each run, by pipeline and run id."""
    return {each.pipeline: {run.id: run.status for run in each.runs} for each in pipelines}


class TestPipelines:
    def test_of_one_store_are_read_with_their_runs_in_order(self, metadata, read):
        metadata.execution(pipeline="fares", run="run-2")
        metadata.execution(pipeline="bikes", run="run-1")
        metadata.execution(pipeline="fares", run="run-3")
        assert runs(read()) == {
            "fares": {"run-2": "done", "run-3": "done"},
            "bikes": {"run-1": "done"},
        }

    def test_may_be_read_alone(self, metadata, read):
        for name in ("fares", "bikes"):
            metadata.execution(pipeline=name, run=f"run of {name}")
        assert runs(read(pipeline="bikes")) == {"bikes": {"run of bikes": "done"}}

    def test_have_runs_of_the_same_name(self, metadata, read):
        for name in ("fares", "bikes"):
            metadata.execution("Trainer", pipeline=name, run="run-1")
        metadata.execution("Pusher", pipeline="bikes", run="run-1")
        fares, bikes = read()
        assert list(fares.runs[0].nodes) == ["Trainer"]
        assert list(bikes.runs[0].nodes) == ["Trainer", "Pusher"]
        assert fares.id != bikes.id

    def test_keep_their_id_where_the_store_is_moved(self, metadata, read, workspace, tmp_path):
        metadata.execution(run="run-1")
        (before,) = read()
        shutil.copy(workspace.metadata, tmp_path / "moved.db")
        metadata.execution(run="run-2")
        (moved,) = read_pipelines(tmp_path / "moved.db")
        assert {before.id} == {moved.id, read()[0].id}

    def test_are_experiments_of_their_own_name_or_of_the_users(self, metadata, read):
        metadata.execution()
        assert read()[0].runs[0].experiment == "taxi"
        assert read(experiment="fares")[0].runs[0].experiment == "fares"

    def test_are_read_from_a_store_that_stays_as_it_is(self, metadata, read, workspace):
        metadata.execution()
        before = hashlib.sha256(workspace.metadata.read_bytes()).digest()
        read()
        assert hashlib.sha256(workspace.metadata.read_bytes()).digest() == before
        assert [path.name for path in workspace.root.iterdir()] == [workspace.metadata.name]


class TestRun:
    @pytest.mark.parametrize(
        ("states", "status"),
        [
            ([pb.Execution.COMPLETE, pb.Execution.CACHED], "done"),
            ([pb.Execution.COMPLETE, pb.Execution.FAILED], "failed"),
            ([pb.Execution.COMPLETE, pb.Execution.CANCELED], "failed"),
            ([pb.Execution.COMPLETE, pb.Execution.RUNNING], "running"),
        ],
    )
    def test_is_as_its_nodes_are(self, metadata, read, states, status):
        for number, state in enumerate(states):
            metadata.execution(f"Node{number}", state=state)
        (pipeline,) = read()
        (run,) = pipeline.runs
        assert run.status == status
        assert (run.ended is None) == (status == "running")

    def test_goes_on_beside_another(self, metadata, read):
        metadata.execution("Gen", "run-1")
        metadata.execution("Trainer", "run-1", pb.Execution.RUNNING)
        metadata.execution("Gen", "run-2")
        assert runs(read()) == {"taxi": {"run-1": "running", "run-2": "running"}}
        metadata.execution("Trainer", "run-2")
        assert runs(read()) == {"taxi": {"run-1": "running", "run-2": "done"}}

    def test_without_a_node_of_the_run_before_has_ended_after_hours(
        self, metadata, read, monkeypatch
    ):
        metadata.execution("Gen", "run-1")
        metadata.execution("Trainer", "run-1")
        metadata.execution("Gen", "run-2")
        assert read()[0].runs[1].status == "running"
        monkeypatch.setattr(pipeline_runs, "_SILENCE", -1.0)
        assert read()[0].runs[1].status == "done"

    def test_that_never_ended_was_killed_after_hours(self, metadata, read, monkeypatch):
        metadata.execution(run="run-1", state=pb.Execution.RUNNING)
        monkeypatch.setattr(pipeline_runs, "_SILENCE", -1.0)
        killed = read()[0].runs[0]
        assert (killed.status, killed.nodes["Trainer"].state) == ("killed", "failed")
        assert killed.ended is not None
        assert killed.nodes["Trainer"].cause

    def test_has_the_times_of_its_nodes(self, metadata, read):
        for node in ("ExampleGen", "Trainer"):
            metadata.execution(node)
        run = read()[0].runs[0]
        stored = {e.id: e for e in metadata.store.get_executions()}
        for node in run.nodes.values():
            kept = stored[node.execution.id]
            assert node.started == kept.create_time_since_epoch / 1000
            assert node.ended == pytest.approx(kept.last_update_time_since_epoch / 1000)
        assert run.started == run.nodes["ExampleGen"].started
        assert run.ended == run.nodes["Trainer"].ended

    def test_has_parameters_of_cached_and_of_failed_nodes(self, metadata, read):
        metadata.execution("A", state=pb.Execution.CACHED, properties={"steps": 3})
        metadata.execution("B", state=pb.Execution.FAILED, properties={"steps": 4})
        nodes = read()[0].runs[0].nodes
        assert [node.execution.properties for node in nodes.values()] == [
            {"steps": 3},
            {"steps": 4},
        ]

    def test_has_the_cause_of_a_failure_where_tfx_recorded_it(self, metadata, read):
        result = json.dumps({"resultMessage": "Traceback:\n  line 1\nValueError: no rows\n"})
        properties = {"__execution_result__": result}
        metadata.execution("A", state=pb.Execution.FAILED, properties=properties)
        metadata.execution("B", state=pb.Execution.FAILED)
        nodes = read()[0].runs[0].nodes
        assert nodes["A"].cause == "ValueError: no rows"
        assert "not record" in nodes["B"].cause

    def test_has_nodes_with_dots_in_their_names(self, metadata, read):
        metadata.execution("Trainer.second", pipeline="my.fares")
        assert list(read()[0].runs[0].nodes) == ["Trainer.second"]

    def test_takes_the_last_try_of_a_node(self, metadata, read):
        metadata.execution(state=pb.Execution.FAILED)
        metadata.execution(state=pb.Execution.COMPLETE)
        assert read()[0].runs[0].status == "done"


class TestResults:
    def test_are_found_by_the_outputs_key_under_any_nodes_id(self, metadata, read):
        model = metadata.artifact("/w/model")
        metadata.execution("Found", type_name=RESOLVER, found=[("model", metadata.artifact("/o"))])
        metadata.execution("my_trainer", outputs=[("model", model)])
        run = read()[0].runs[0]
        assert run.writer("model").name == "my_trainer"
        assert run.artifact("model").id == model

    def test_that_are_gone_are_left_out(self, metadata, read, tmp_path):
        keys = ("evaluation", "anomalies", "model_run")
        outputs = [(key, metadata.artifact(str(tmp_path / key))) for key in keys]
        metadata.execution(type_name=EVALUATOR, outputs=outputs)
        run = read()[0].runs[0]
        assert (run.report(), run.findings()) == (None, None)

    def test_anomalies_are_tfdvs_by_split(self, metadata, read, tmp_path):
        found = anomalies_pb2.Anomalies()
        info = found.anomaly_info["fare"]
        info.path.step.append("fare")
        info.reason.add(type=anomalies_pb2.AnomalyInfo.SCHEMA_NEW_COLUMN, description="New column.")
        for split, content in (("train", found), ("eval", anomalies_pb2.Anomalies())):
            folder = tmp_path / "a" / f"Split-{split}"
            folder.mkdir(parents=True)
            (folder / "SchemaDiff.pb").write_bytes(content.SerializeToString())
        output = metadata.artifact(str(tmp_path / "a"))
        metadata.execution("Validator", outputs=[("anomalies", output)])
        (anomaly,) = read()[0].runs[0].findings().anomalies
        assert (anomaly.column, anomaly.splits) == ("fare", ("train",))


class TestAStoreThatCannotBeRead:
    def refusal(self, path, **options) -> InputError:
        with pytest.raises(InputError) as refused:
            read_pipelines(path, **options)
        assert "\n" not in str(refused.value)
        return refused.value

    def test_is_missing(self, tmp_path):
        error = self.refusal(tmp_path / "nothing.db")
        assert (error.key, "no such file" in error.received) == ("--metadata", True)
        assert not list(tmp_path.iterdir())

    def test_is_a_folder(self, tmp_path):
        assert "a folder" in self.refusal(tmp_path).received

    def test_is_no_database(self, tmp_path):
        (tmp_path / "notes.txt").write_text("not a database")
        assert "file is not a database" in self.refusal(tmp_path / "notes.txt").received

    def test_is_another_database(self, tmp_path):
        with sqlite3.connect(tmp_path / "other.db") as database:
            database.execute("CREATE TABLE experiments (name)")
        assert "MLMDEnv" in self.refusal(tmp_path / "other.db").received

    def test_has_no_such_pipeline(self, metadata, workspace):
        for name in ("fares", "bikes"):
            metadata.execution(pipeline=name, run=name)
        error = self.refusal(workspace.metadata, pipeline="taxis")
        assert (error.expected, error.received) == ("one of fares, bikes", "'taxis'")
        assert error.write == "--pipeline fares"

    def test_has_no_runs(self, metadata, workspace, read):
        assert read() == []
        error = self.refusal(workspace.metadata, pipeline="taxis")
        assert "without any" in error.received
