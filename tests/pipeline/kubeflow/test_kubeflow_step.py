"""Between Kubeflow's launcher and a component: addresses, and the record of a step."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tfx.dsl.components.base import base_executor

from huberflow.components.contracts.lineage import LINEAGE
from huberflow.pipeline.kubeflow import step
from huberflow.pipeline.objects.packing import packed

pytest.importorskip("kfp", reason="kfp is missing; write: uv pip install 'kfp==2.16.*'")

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
LOG = {"schemaTitle": "system.Artifact"}


class Component(base_executor.BaseExecutor):
    """Writes down what it sees; stands for one of the pipeline's."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        (model,) = output_dict["model"]
        seen = {
            "inputs": {key: found[0].uri for key, found in input_dict.items()},
            "parameters": exec_properties,
            "lineage": json.loads(exec_properties.get(LINEAGE, "null")),
        }
        objects = json.loads(exec_properties.get("custom_config", "{}")).get("objects")
        if objects:
            seen["source"] = (Path(objects["folder"]) / "package" / "losses.py").read_text()
        (Path(model.uri) / "seen.json").write_text(json.dumps(seen))
        model.set_int_custom_property("rows", 7)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a step as the launcher does, with a bucket's files below ``tmp_path``."""
    buckets = {scheme: f"{tmp_path}{folder}" for scheme, folder in step.BUCKETS.items()}
    monkeypatch.setattr(step, "BUCKETS", buckets)

    def run(parameters: dict) -> tuple[dict, dict]:
        invocation = {
            "inputs": {
                "parameterValues": parameters,
                "artifacts": {
                    "schema": {"artifacts": [{"uri": "gs://b/schema", "type": MODEL, "name": "4"}]}
                },
            },
            "outputs": {
                "artifacts": {
                    "model": {"artifacts": [{"uri": "minio://b/x/model", "type": MODEL}]},
                    # Which the launcher writes while the step runs.
                    "executor-logs": {"artifacts": [{"uri": "minio://b/x/log", "type": LOG}]},
                },
                "outputFile": str(tmp_path / "outputs" / "metadata.json"),
            },
        }
        (tmp_path / "outputs").mkdir(exist_ok=True)
        strings = {key: {"parameterType": "STRING"} for key in parameters}
        argv = [
            *("step", "--executor_class_path", f"{__name__}.Component"),
            *("--json_serialized_invocation_args", json.dumps(invocation)),
            *("--json_serialized_inputs_spec_args", json.dumps({"parameters": strings})),
            "--runner=FnApiRunner",
        ]
        monkeypatch.setattr(sys, "argv", argv)
        step.main()
        seen = json.loads((tmp_path / "minio" / "b" / "x" / "model" / "seen.json").read_text())
        result = json.loads((tmp_path / "outputs" / "metadata.json").read_text())
        return seen, result["artifacts"]["model"]["artifacts"][0]

    return run


class TestStep:
    def test_reads_and_writes_where_the_launcher_keeps_the_buckets_files(self, run, tmp_path):
        seen, output = run({})
        assert seen["inputs"] == {"schema": f"{tmp_path}/gcs/b/schema"}
        assert output["uri"] == "minio://b/x/model"

    def test_records_its_parameters_and_usage(self, run):
        _, output = run({"serving": "/models"})
        record = json.loads(output["metadata"][step.STEP_RECORD])
        assert record["properties"] == {"serving": "/models"}
        assert record["seconds"] > 0
        assert record["usage"]["peak_memory_mb"] > 0
        assert output["metadata"]["rows"] == 7

    def test_of_taxi_trips_reads_those_of_the_image(self, run):
        seen, output = run({"input_base": step.TAXI})
        assert list(Path(seen["parameters"]["input_base"]).glob("*.csv"))
        properties = json.loads(output["metadata"][step.STEP_RECORD])["properties"]
        assert properties == {"input_base": step.TAXI}

    def test_has_the_users_objects_as_files(self, run):
        source = "class MyLoss: ...\n"
        objects = {"sha256": "0", "sources": packed({"package/losses.py": source})}
        seen, output = run({"custom_config": json.dumps({"seed": 1, "objects": objects})})
        assert seen["source"] == source
        config = json.loads(seen["parameters"]["custom_config"])
        assert config["seed"] == 1
        assert set(config["objects"]) == {"sha256", "folder"}
        assert "MyLoss" not in output["metadata"][step.STEP_RECORD]

    def test_that_exports_has_the_lineage(self, run):
        git = {"commit": "c0ffee", "branch": "main", "dirty": True, "remote": None}
        seen, output = run({"run_id": "8-4-4", "run_metadata": json.dumps({"git": git})})
        assert seen["lineage"] == {
            "run": "8-4-4",
            "mlflow": {"tag": "huberflow.key", "value": "kubeflow/8-4-4"},
            "git": git,
        }
        assert json.loads(output["metadata"][step.STEP_RECORD])["properties"] == {}


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("gs://bucket/run/1/model", "/gcs/bucket/run/1/model"),
        ("s3://bucket/run/1/model", "/s3/bucket/run/1/model"),
        ("minio://mlpipeline/v2/model", "/minio/mlpipeline/v2/model"),
        ("/shared/run/1/model", "/shared/run/1/model"),
    ],
)
def test_a_bucket_lies_where_kubeflows_launcher_copies_it(address, path):
    assert step.local_path(address) == path
