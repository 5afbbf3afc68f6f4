"""The spec for Kubeflow: the parameters, resources and secrets of its containers."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.dag.graph import create_pipeline
from huberflow.pipeline.kubeflow import spec
from huberflow.pipeline.kubeflow.step import TAXI
from huberflow.pipeline.objects.packing import unpacked
from huberflow.pipeline.resolve.resolved_run import ResolvedRun, load, resolve, resolve_config

pytest.importorskip("kfp", reason="kfp is missing; write: uv pip install 'kfp==2.16.*'")

IMAGE = "registry.example/huberflow:1"
NEEDED = ("kubeflow.volume=models", "tracking.uri=http://mlflow.mlflow:5000")
NODES = [
    *("ExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform", "Trainer"),
    *("Baseline", "Evaluator", "ServingExport", "Pusher"),
]


CUBIC_LOSS = """import tensorflow as tf
import tf_keras


class CubicLoss(tf_keras.losses.Loss):
    def call(self, y_true, y_pred):
        error = tf.abs(tf.cast(y_true, y_pred.dtype) - y_pred)
        return tf.reduce_mean(error**3, axis=-1)
"""


def resolved(*settings: str) -> ResolvedRun:
    return resolve(resolve_config(None, settings))


class Spec:
    """A compiled spec, read as Kubeflow reads it."""

    def __init__(self, *settings: str) -> None:
        self.text = spec.compile_spec(resolved(*NEEDED, *settings), IMAGE)
        self.pipeline, platform = yaml.safe_load_all(self.text)
        self.added = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self.tasks = self.pipeline["root"]["dag"]["tasks"]

    def container(self, node: str) -> dict:
        label = self.pipeline["components"][node]["executorLabel"]
        return self.pipeline["deploymentSpec"]["executors"][label]["container"]

    def parameters(self, node: str) -> dict:
        """A node's parameters."""
        parameters = self.tasks[node].get("inputs", {}).get("parameters", {})
        return {key: value["runtimeValue"]["constant"] for key, value in parameters.items()}


SETTINGS = (
    "kubeflow.trainer={cpu: 4, memory_gb: 16, accelerators: 2}",
    "kubeflow.tracking_from=mlflow-server",
    "kubeflow.pipeline_root=gs://bucket/runs",
    "training.loss.config.threshold=2.0",
)


@pytest.fixture(scope="module")
def compiled() -> Spec:
    return Spec(*SETTINGS)


def refused(*settings: str) -> InputError:
    with pytest.raises(InputError) as caught:
        spec.check_for_cluster(load(None, settings))
    return caught.value


class TestSpec:
    def test_is_taken_by_kubeflows_own_loader(self, compiled, tmp_path):
        from kfp import components

        (tmp_path / "pipeline.yaml").write_text(compiled.text)
        loaded = components.load_component_from_file(str(tmp_path / "pipeline.yaml"))
        assert loaded.name == "taxi"
        assert compiled.pipeline["schemaVersion"] == "2.1.0"
        assert set(loaded.pipeline_spec.root.dag.tasks) == {*NODES, "TrackRun"}

    def test_is_the_same_twice(self, compiled, monkeypatch):
        monkeypatch.setattr(spec.git, "state", lambda folder: None)
        assert Spec(*SETTINGS).text == Spec(*SETTINGS).text

    def test_has_the_parameters_of_a_run_on_this_machine(self, compiled):
        run = resolved("training.loss.config.threshold=2.0")
        local = {node.id: node.exec_properties for node in create_pipeline(run).components}
        for node in set(NODES) - {"ExampleGen", "Baseline", "ServingExport", "Pusher"}:
            expected = {key: value for key, value in local[node].items() if value is not None}
            assert compiled.parameters(node) == expected, node

    def test_reads_the_trips_in_the_image_and_writes_into_the_bucket(self, compiled):
        assert compiled.parameters("ExampleGen")["input_base"] == TAXI
        assert compiled.pipeline["defaultPipelineRoot"] == "gs://bucket/runs"
        assert not any("cachingOptions" in task for task in compiled.tasks.values())

    def test_names_no_path_of_this_machine(self, compiled):
        assert str(Path.home()) not in compiled.text
        assert str(Path(spec.__file__).parents[2]) not in compiled.text


class TestContainers:
    def test_all_run_the_image(self, compiled):
        for node in compiled.tasks:
            container = compiled.container(node)
            assert container["image"] == IMAGE
            assert container["command"] == ["python", "-m", "huberflow.pipeline.kubeflow.step"]

    def test_the_trainer_alone_gets_what_the_config_asks_for(self, compiled):
        accelerator = {"type": "nvidia.com/gpu", "count": "2"}
        expected = {"cpuLimit": 4.0, "memoryLimit": 16.0, "accelerator": accelerator}
        for node in NODES:
            resources = compiled.container(node).get("resources")
            assert resources == (expected if node == "Trainer" else None)

    def test_alone_have_the_volume_or_the_secret_that_need_it(self, compiled):
        on_volume = ("ExampleGen", "SchemaGen", "Baseline", "Pusher")
        assert set(compiled.added) == {f"{node}_executor" for node in (*on_volume, "TrackRun")}
        for node in on_volume:
            (mount,) = compiled.added[f"{node}_executor"]["pvcMount"]
            assert (mount["constant"], mount["mountPath"]) == ("models", "/huberflow")
        (secret,) = compiled.added["TrackRun_executor"]["secretAsEnv"]
        assert secret["secretName"] == "mlflow-server"
        assert secret["keyToEnv"] == [
            {"secretKey": "MLFLOW_TRACKING_URI", "envVar": "MLFLOW_TRACKING_URI"}
        ]

    def test_push_below_the_volume_and_look_there_for_the_model_to_beat(self, compiled):
        destination = json.loads(compiled.parameters("Pusher")["push_destination"])
        assert destination == {"filesystem": {"base_directory": "/huberflow/serving/taxi"}}
        assert compiled.parameters("Baseline") == {"serving": "/huberflow/serving/taxi"}


class TestTrackRun:
    def test_has_the_config_and_the_run(self, compiled):
        parameters = compiled.parameters("TrackRun")
        assert json.loads(parameters["config"])["training"]["loss"]["config"] == {"threshold": 2.0}
        assert parameters["title"] == "threshold=2.0"
        assert (
            parameters["run_id"]
            == "{{$.pipeline_job_uuid}}"
            == compiled.parameters("ServingExport")["run_id"]
        )

    def test_is_left_out_where_nothing_is_tracked(self):
        compiled = Spec("tracking.enabled=false", "name=New_York")
        assert set(compiled.tasks) == set(NODES)
        assert compiled.pipeline["pipelineInfo"]["name"] == "new-york"
        assert compiled.container("Trainer").get("resources", {}) == {}


class TestOwnObjects:
    def test_travel_in_the_spec(self, tmp_path):
        source = tmp_path / "my_losses.py"
        source.write_text(CUBIC_LOSS)
        objects = json.loads(with_objects(source).parameters("Trainer")["custom_config"])["objects"]
        assert unpacked(objects["sources"]) == {"my_losses.py": CUBIC_LOSS}
        assert objects["folder"] is None

    def test_that_no_argument_of_a_container_can_hold_are_refused(self, tmp_path):
        source = tmp_path / "my_losses.py"
        noise = "".join(sha256(bytes(n)).hexdigest() for n in range(spec.MAX_PARAMETER_BYTES // 32))
        source.write_text(f"{CUBIC_LOSS}\n\nTABLE = '{noise}'\n")
        with pytest.raises(InputError) as caught:
            with_objects(source)
        assert "at most 98,304 bytes" in caught.value.expected
        assert "install what these import as a package in the image" in caught.value.hint


def with_objects(source: Path) -> Spec:
    settings = [f"objects=[{source}]", "training.loss={name: CubicLoss}"]
    return Spec(f"workspace={source.parent}/workspace", *settings)


class TestPinnedSchema:
    def test_is_read_where_the_containers_find_it_and_what_does_not_fit_ends_the_run(
        self, tmp_path
    ):
        features = [f'feature {{ name: "{name}" type: FLOAT }}' for name in load().columns()]
        (tmp_path / "schema.pbtxt").write_text("\n".join(features))
        settings = [*NEEDED, f"data.schema={tmp_path}/schema.pbtxt"]
        assert refused(*settings).key == "kubeflow.schema_file"
        made = Spec(*settings, "kubeflow.schema_file=/huberflow/schema.pbtxt")
        assert made.parameters("SchemaGen")["schema_file"] == "/huberflow/schema.pbtxt"
        assert "SchemaGate" in made.tasks["Transform"]["dependentTasks"]


class TestRefusals:
    def test_name_all_that_is_missing_and_what_to_write(self):
        assert [(error.key, error.received, error.write) for error in refused().errors] == [
            ("kubeflow.volume", "none", "--set kubeflow.volume=models"),
            (
                "tracking.uri",
                "none",
                "--set tracking.uri=http://mlflow.mlflow:5000, or --set tracking.enabled=false",
            ),
        ]

    def test_of_a_database_that_only_one_container_would_see(self):
        error = refused("kubeflow.volume=models", "tracking.uri=sqlite:////data/mlflow.db")
        assert (error.key, error.received) == ("tracking.uri", "sqlite:////data/mlflow.db")

    def test_of_a_password_do_not_show_it(self):
        error = refused("kubeflow.volume=models", "tracking.uri=http://me:pass-word@mlflow:5000")
        assert error.expected.startswith("no password")
        assert "pass-word" not in str(error)
        assert "--set kubeflow.tracking_from=" in error.write

    def test_of_a_key_that_would_have_to_leave_its_machine(self):
        signing = "export.signing={method: key, private_key: signing.pem}"
        error = refused(*NEEDED, signing)
        assert (error.key, error.received) == ("export.signing.method", "key")
        assert "huberflow sign MODEL" in error.hint

    def test_of_data_that_the_containers_do_not_have(self, tmp_path):
        rows = tmp_path / "houses.csv"
        rows.write_text("size,price\n" + "".join(f"{n % 7}.5,{n % 11}.25\n" for n in range(40)))
        settings = [f"data.path={rows}", "data.label=price", *NEEDED]
        assert refused(*settings).key == "kubeflow.data"
        made = Spec(*settings, "kubeflow.data=/huberflow/data")
        assert made.parameters("ExampleGen")["input_base"] == "/huberflow/data"
        assert str(tmp_path) not in made.parameters("ExampleGen")["input_config"]
