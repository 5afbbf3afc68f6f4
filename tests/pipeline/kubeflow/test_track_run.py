"""The run that a cluster's last step delivers, from the outputs of the other steps."""

from __future__ import annotations

import json

import pytest
from tfx import types

from huberflow.pipeline.history.git import GitState
from huberflow.pipeline.history.run_metadata import versions
from huberflow.pipeline.kubeflow.step import STEP_RECORD
from huberflow.pipeline.kubeflow.track_run import SOURCES, finished_run
from huberflow.pipeline.resolve.resolved_run import load
from huberflow.pipeline.tracking import params

LOSS = {"name": "HuberLoss", "config": {"threshold": 2.0}}


def artifact(key: str, started: float, **properties) -> types.Artifact:
    """The output of a step, as Kubeflow passes it on."""
    made = SOURCES[key][1]()
    made.uri = f"/gcs/bucket/taxi/run-1/{key}"
    record = {
        "started": started,
        "seconds": 2.5,
        "usage": {"peak_memory_mb": 640.0},
        "properties": {"custom_config": json.dumps({"training": {"loss": LOSS}})},
    }
    for name, value in {STEP_RECORD: json.dumps(record), **properties}.items():
        made.set_json_value_custom_property(name, value)
    return made


@pytest.fixture
def run():
    """A run of three nodes; Kubeflow names the last one first."""
    inputs = {
        "pushed_model": [artifact("pushed_model", 30.0, pushed=1.0, pushed_version="4")],
        "model_run": [artifact("model_run", 20.0)],
        "examples": [artifact("examples", 10.0)],
    }
    parameters = {
        "run_id": "run-1",
        "config": json.dumps(load(None, ["name=bikes"]).plain()),
        "title": "threshold=2.0",
        "run_metadata": json.dumps({"git": {"commit": "c0ffee"}}),
    }
    return finished_run(inputs, parameters)


class TestFinishedRun:
    def test_has_its_nodes_in_the_order_in_which_they_began(self, run):
        assert list(run.nodes) == ["ExampleGen", "Trainer", "Pusher"]
        assert {node.state for node in run.nodes.values()} == {"ran"}
        assert (run.started, run.status, run.nodes["Trainer"].seconds) == (10.0, "done", 2.5)

    def test_is_named_as_a_run_on_a_persons_machine(self, run):
        assert run.name == "threshold=2.0 01-01 00:00:10"

    def test_has_each_nodes_parameters_and_usage(self, run):
        trainer = run.nodes["Trainer"]
        assert params.of_node(trainer)["training.loss.config.threshold"] == "2.0"
        assert trainer.usage == {"peak_memory_mb": 640.0}

    def test_has_the_config_the_code_and_the_containers_versions(self, run):
        assert run.config["name"] == "bikes"
        assert run.metadata.git == GitState(commit="c0ffee")
        assert run.metadata.versions == versions()

    def test_has_the_nodes_outputs_without_the_record(self, run):
        pushed = run.artifact("pushed_model")
        assert dict(pushed.properties) == {"pushed": 1.0, "pushed_version": "4"}
        assert str(pushed.uri) == "/gcs/bucket/taxi/run-1/pushed_model"

    def test_tells_apart_what_has_no_id(self, run):
        executions = [node.execution for node in run.nodes.values()]
        artifacts = [found for e in executions for (found,) in e.outputs.values()]
        assert len({each.id for each in (*executions, *artifacts)}) == 6
