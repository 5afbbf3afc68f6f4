"""Runs of pipelines that are not huberflow's on a tracker: what arrives, and that it is once."""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import replace

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from remembering_tracker import RememberingTracker
from written_metadata import Metadata

from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.pipeline.history import pipeline_runs
from huberflow.pipeline.history.pipeline_runs import read_pipelines
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.delivery import deliver_pipelines

REPORT = EvaluationReport(
    metrics=("mean_squared_error", "example_count"),
    blessed=True,
    reasons=(),
    slices=(
        SliceMetrics(
            {},
            {"mean_squared_error": 2.0, "example_count": 40.0},
            {"mean_squared_error": 3.0, "example_count": 40.0},
        ),
        SliceMetrics({"payment_type": "Cash"}, {"mean_squared_error": 1.0, "example_count": 4.0}),
    ),
)
"""As huberflow's Evaluator writes it; tests/e2e reads TFMA's own files."""

WITHOUT_COUNT = EvaluationReport(
    metrics=("auc",),
    blessed=True,
    reasons=(),
    slices=(SliceMetrics({}, {"auc": 0.75}), SliceMetrics({"payment_type": "Cash"}, {})),
)
"""Of an Evaluator whose config names no ExampleCount, and of a slice without any metric."""


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def metadata(workspace):
    return Metadata(workspace)


@pytest.fixture
def delivered(workspace):
    """Delivers the store; the counts of what was delivered and what was there."""

    def deliver(tracker: RememberingTracker, **options) -> tuple[int, int]:
        pipelines = read_pipelines(workspace.metadata, **options)
        result = deliver_pipelines(pipelines, tracker, lambda run, number, count: None)
        assert result.failed == []
        return len(result.delivered), result.already_there

    return deliver


@pytest.fixture
def whole(metadata, tmp_path):
    """Records a run with data, a model, an evaluation and a push."""

    def whole(run="run-1", state=pb.Execution.COMPLETE, report=REPORT):
        examples, evaluation = tmp_path / "examples", tmp_path / "evaluation"
        (examples / "Split-train").mkdir(parents=True, exist_ok=True)
        with gzip.open(examples / "Split-train" / "rows.gz", "wb") as rows:
            rows.write(struct.pack("<QI", 0, 0) + struct.pack("<I", 0))
        evaluation.mkdir(exist_ok=True)
        report.write(evaluation / "report.json")
        read = metadata.artifact(str(examples), split_names='["train"]')
        properties = {"input_base": "/data/trips", "password": "hunter2"}
        metadata.execution(
            "CsvExampleGen", run, state, properties=properties, outputs=[("examples", read)]
        )
        arguments = {"train_args": json.dumps({"num_steps": 20}), "run_fn": "mine.run_fn"}
        trained = [("model", metadata.artifact(str(tmp_path / "model")))]
        metadata.execution("my_trainer", run, state, properties=arguments, outputs=trained)
        judged = [("evaluation", metadata.artifact(str(evaluation)))]
        metadata.execution("my_evaluator", run, state, outputs=judged)

    return whole


def only_run(tracker: RememberingTracker):
    (kept,) = (kept for kept in tracker.runs.values() if kept.new.parent is None)
    return kept


def test_a_run_is_one_run_and_one_below_it_for_each_node(whole, delivered):
    whole()
    tracker = RememberingTracker()
    assert delivered(tracker) == (1, 0)
    run = only_run(tracker)
    assert (run.new.experiment, run.outcome) == ("taxi", "finished")
    below = {kept.new.name: kept for kept in tracker.runs.values() if kept.new.parent}
    assert list(below) == ["CsvExampleGen", "my_trainer", "my_evaluator"]
    assert {kept.outcome for kept in below.values()} == {"finished"}


def test_a_second_delivery_adds_nothing(whole, delivered):
    whole()
    tracker = RememberingTracker()
    delivered(tracker)
    before = repr(tracker.runs)
    assert delivered(tracker) == (0, 1)
    assert repr(tracker.runs) == before
    whole("run-2")
    assert delivered(tracker) == (1, 1)


@pytest.mark.parametrize("state", [pb.Execution.COMPLETE, pb.Execution.CACHED])
def test_parameters_of_all_nodes_are_dotted_and_without_secrets(whole, delivered, state):
    whole(state=state)
    tracker = RememberingTracker()
    delivered(tracker)
    found = only_run(tracker).params
    assert found["my_trainer.train_args.num_steps"] == "20"
    assert found["my_trainer.run_fn"] == "mine.run_fn"
    assert found["CsvExampleGen.input_base"] == "/data/trips"
    assert "hunter2" not in repr(tracker.runs)


def test_metrics_of_both_models_and_the_slices(whole, delivered):
    whole()
    tracker = RememberingTracker()
    delivered(tracker)
    run = only_run(tracker)
    values = {point.key: point.value for point in run.metrics}
    assert values["evaluation/mean_squared_error"] == 2.0
    assert values["baseline/mean_squared_error"] == 3.0
    slices = json.loads(run.files["slices.json"])
    assert [row[0] for row in slices["data"]] == ["all rows", "payment_type=Cash"]
    assert run.tags["huberflow.blessed"] == "true"
    assert b"mean_squared_error" in run.files["report.html"]


@pytest.mark.parametrize("report", [WITHOUT_COUNT, replace(WITHOUT_COUNT, metrics=())])
def test_an_evaluation_need_not_count_rows(whole, delivered, report):
    whole(report=report)
    tracker = RememberingTracker()
    assert delivered(tracker) == (1, 0)
    run = only_run(tracker)
    assert run.outcome == "finished"
    assert json.loads(run.files["slices.json"])["data"][0][:2] == ["all rows", None]
    assert b"None" not in run.files["report.html"]
    assert delivered(tracker) == (0, 1)


def test_a_run_is_either_delivered_or_not(whole, workspace, tmp_path):
    whole()
    (tmp_path / "evaluation" / "report.json").write_text("{}")
    tracker = RememberingTracker()
    for _ in range(2):
        pipelines = read_pipelines(workspace.metadata)
        result = deliver_pipelines(pipelines, tracker, lambda run, number, count: None)
        assert (len(result.delivered), result.already_there, len(result.failed)) == (0, 0, 1)


def test_the_data_are_there_without_a_schema(whole, delivered):
    whole()
    tracker = RememberingTracker()
    delivered(tracker)
    (data,) = only_run(tracker).datasets
    assert (data.name, data.source, data.rows) == ("trips", "/data/trips", {"train": 1})


def test_a_failed_run_says_where_and_why(metadata, delivered):
    metadata.execution("CsvExampleGen")
    result = {"__execution_result__": json.dumps({"resultMessage": "ValueError: no rows"})}
    metadata.execution("my_trainer", state=pb.Execution.FAILED, properties=result)
    tracker = RememberingTracker()
    delivered(tracker)
    run = only_run(tracker)
    assert run.outcome == "failed"
    assert run.tags["huberflow.failed_node"] == "my_trainer"
    assert run.tags["huberflow.cause"] == "ValueError: no rows"


def test_a_run_that_goes_on_is_completed_later(metadata, delivered):
    number = metadata.execution("my_trainer", state=pb.Execution.RUNNING)
    tracker = RememberingTracker()
    assert delivered(tracker) == (1, 0)
    assert only_run(tracker).outcome is None
    (execution,) = metadata.store.get_executions_by_id([number])
    execution.last_known_state = pb.Execution.COMPLETE
    metadata.store.put_executions([execution])
    assert delivered(tracker) == (1, 0)
    assert only_run(tracker).outcome == "finished"
    assert delivered(tracker) == (0, 1)


def test_a_run_that_went_on_after_all_is_delivered_again(metadata, delivered, monkeypatch):
    monkeypatch.setattr(pipeline_runs, "_SILENCE", -1.0)
    number = metadata.execution("my_trainer", state=pb.Execution.RUNNING)
    tracker = RememberingTracker()
    assert delivered(tracker) == (1, 0)
    assert only_run(tracker).outcome == "killed"
    assert delivered(tracker) == (0, 1)
    (execution,) = metadata.store.get_executions_by_id([number])
    execution.last_known_state = pb.Execution.COMPLETE
    metadata.store.put_executions([execution])
    metadata.execution("my_evaluator")
    assert delivered(tracker) == (1, 0)
    assert {kept.outcome for kept in tracker.runs.values()} == {"finished"}
    assert len(tracker.runs) == 3
    assert delivered(tracker) == (0, 1)


def test_a_killed_run_is_killed(metadata, delivered, monkeypatch):
    monkeypatch.setattr(pipeline_runs, "_SILENCE", -1.0)
    metadata.execution("my_trainer", "run-1", pb.Execution.RUNNING)
    metadata.execution("my_trainer", "run-2")
    tracker = RememberingTracker()
    delivered(tracker)
    outcomes = {kept.new.key.split("/", 1)[1]: kept.outcome for kept in tracker.runs.values()}
    assert outcomes == {
        "run-1": "killed",
        "run-1/my_trainer": "failed",
        "run-2": "finished",
        "run-2/my_trainer": "finished",
    }


def test_pipelines_and_runs_of_odd_names_stay_apart(metadata, delivered):
    for pipeline in ("fares", "bikes"):
        for run in ("a/b", "a", "100%'"):
            metadata.execution(pipeline=pipeline, run=run)
    tracker = RememberingTracker()
    assert delivered(tracker) == (6, 0)
    assert len(tracker.runs) == 12
    assert all(kept.new.key.count("/") <= 2 for kept in tracker.runs.values())
    assert delivered(tracker) == (0, 6)


def test_an_experiment_may_be_named(whole, delivered):
    whole()
    tracker = RememberingTracker()
    delivered(tracker, experiment="all fares")
    assert {kept.new.experiment for kept in tracker.runs.values()} == {"all fares"}


def test_a_run_whose_files_are_gone_is_delivered_without_them(metadata, delivered, tmp_path):
    for key in ("examples", "statistics", "schema", "anomalies", "model_run", "evaluation"):
        output = metadata.artifact(str(tmp_path / key), split_names='["train"]')
        metadata.execution(key, properties={"input_base": "/data"}, outputs=[(key, output)])
    tracker = RememberingTracker()
    assert delivered(tracker) == (1, 0)
    assert only_run(tracker).outcome == "finished"
