"""A stock pipeline with huberflow's ServingExport: its bundle, and its runs in MLflow."""

from __future__ import annotations

import csv
import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stock_pipeline
import tensorflow_model_analysis as tfma
from bare_environment import BareEnvironment
from mlflow import MlflowClient
from mlflow_servers import free_port
from served import announced, ask, connection, started
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from users_packages import write_packages

from huberflow import MlflowDagRunner
from huberflow.components.bundle import reload

pytestmark = pytest.mark.e2e

NODES = {
    "CsvExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "latest_blessed_model_resolver",
    "Evaluator",
    "ServingExport",
    "Pusher",
}


class Place:
    """A user's folder with a pipeline, in which the commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "metadata.db"
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"

    def huberflow(self, *arguments: str) -> str:
        command = [str(Path(sys.executable).parent / "huberflow"), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def digest(self) -> str:
        return hashlib.sha256(self.store.read_bytes()).hexdigest()

    def runs(self) -> list:
        client = MlflowClient(self.uri)
        return list(client.search_runs([client.get_experiment_by_name("stock").experiment_id]))

    def parents(self) -> list:
        """The runs of the pipeline, the newest first."""
        return [run for run in self.runs() if "mlflow.parentRunId" not in run.data.tags]

    def below(self, run) -> dict:
        """The runs of the nodes by name."""
        above = run.info.run_id
        found = (each for each in self.runs() if each.data.tags.get("mlflow.parentRunId") == above)
        return {each.info.run_name: each for each in found}

    def overall(self) -> dict[str, float]:
        """What TFMA itself reads of the last evaluation, over all rows."""
        folders = (self.folder / "artifacts" / "stock" / "Evaluator" / "evaluation").iterdir()
        last = max(folders, key=lambda folder: int(folder.name))
        (overall,) = [
            each for each in tfma.load_metrics(str(last)) if not each.slice_key.ByteSize()
        ]
        return {
            pair.key.name: pair.value.double_value.value
            for pair in overall.metric_keys_and_values
            if pair.key.model_name in ("", "candidate") and not pair.key.is_diff
        }


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run by TFX's own runner, in a folder that has packages of huberflow's names."""
    place = Place(tmp_path_factory.mktemp("stock"))
    write_packages(place.folder)
    LocalDagRunner().run(stock_pipeline.create_pipeline(place.folder, serving_export=True))
    return place


@pytest.fixture(scope="module")
def pushed(place):
    """The folder that the stock Pusher made of ServingExport's bundle."""
    (version,) = (place.folder / "serving").iterdir()
    return version


def test_the_bundle_keeps_the_users_signatures_and_says_what_it_proves(pushed):
    certificate = reload.verify(pushed)
    assert certificate["signatures"]["serving_default"]["outputs"]["outputs"]["shape"] == [None, 1]
    exporting = "exporting process"
    assert certificate["proof"]["model"] == exporting
    assert certificate["proof"]["signatures"] == dict.fromkeys(
        ("serving_default", "transform_features"), exporting
    )
    assert "training steps" in certificate["proof"]["statement"].partition("Does not")[0]


def test_its_loss_is_that_of_the_labels_that_the_model_was_trained_on(pushed):
    """Those are log(1 + fare): the loss of raw fares would be many times as large."""
    golden = reload.golden(pushed)
    error = np.abs(golden.labels - golden.values["model/prediction"])
    huber = np.where(error <= 1, error**2 / 2, error - 0.5).mean()
    assert golden.values["model/loss"] == pytest.approx(huber, rel=1e-5)
    assert golden.labels.max() < 10


def test_the_bundle_is_checked_where_only_tensorflow_is_installed(pushed, tmp_path):
    shutil.copytree(pushed, tmp_path / "model")
    environment = BareEnvironment(tmp_path / "environment")
    script = "model/assets.extra/reload.py"
    done = environment.run(script, "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"


def test_the_bundle_is_verified_and_predicts(place, pushed):
    assert "ok" in place.huberflow("verify", str(pushed)).splitlines()[-1]
    files = ("--data", "data/trips.csv", "--output", "predicted.csv")
    place.huberflow("predict", str(pushed), *files)
    with (place.folder / "predicted.csv").open() as lines:
        predicted = [float(row["outputs"]) for row in csv.DictReader(lines)]
    assert len(predicted) == 600
    assert np.isfinite(predicted).all()


def test_the_bundle_is_served(pushed, tmp_path):
    """A row of columns in, the model's output by its own name out."""
    with started(pushed, port := free_port(), log := tmp_path / "log") as server:
        _, curl = announced(server, log)
        body = json.loads(shlex.split(curl)[-1])
        status, answer = ask(connection(port), "/invocations", **body)
    assert status == 200, answer
    assert [*answer["predictions"][0]] == ["outputs"]


def test_runs_of_the_stock_runner_are_delivered_after_the_fact_and_once(place):
    before = place.digest()
    assert "delivered 1, already there 0" in place.huberflow("track", "--metadata", "metadata.db")
    assert place.digest() == before
    (run,) = place.parents()
    below = place.below(run)
    assert set(below) == NODES
    assert {each.info.status for each in [run, *below.values()]} == {"FINISHED"}
    parameters = run.data.params
    assert len(parameters) >= 30
    assert parameters["Trainer.threshold"] == "1.0"
    assert parameters["Trainer.train_args.num_steps"] == "20"
    assert parameters["CsvExampleGen.input_base"] == str(place.folder / "data")
    expected = {f"evaluation/{key}": value for key, value in place.overall().items()}
    assert {"evaluation/mean_squared_error", "evaluation/example_count"} <= set(expected)
    half, two = (expected[f"evaluation/huber_metric_threshold_{t}"] for t in (0.5, 2.0))
    assert 0 < half < two < expected["evaluation/mean_squared_error"]
    assert {k: v for k, v in run.data.metrics.items() if k.startswith("evaluation/")} == expected
    assert run.data.tags["huberflow.blessed"] == "true"
    assert Path(run.data.tags["huberflow.pushed"]).is_dir()
    profile = json.loads(run.inputs.dataset_inputs[0].dataset.profile)
    assert profile["num_rows"] == 600
    names = {file.path for file in MlflowClient(place.uri).list_artifacts(run.info.run_id)}
    assert {"report.html", "schema.pbtxt", "slices.json", "statistics.html"} <= names

    ids = {each.info.run_id for each in place.runs()}
    assert "delivered 0, already there 1" in place.huberflow("track", "--metadata", "metadata.db")
    assert {each.info.run_id for each in place.runs()} == ids


def test_the_same_pipeline_runs_live_and_is_compared(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    MlflowDagRunner().run(
        stock_pipeline.create_pipeline(place.folder, serving_export=True, threshold=2.0)
    )
    run = place.parents()[0]
    states = {name: each.data.tags["huberflow.state"] for name, each in place.below(run).items()}
    assert set(states) == NODES
    assert (states["Transform"], states["Trainer"]) == ("cached", "ran")
    assert run.data.params["Trainer.threshold"] == "2.0"
    assert run.data.params["Transform.preprocessing_fn"] == "stock_pipeline.preprocessing_fn"
    metrics = run.data.metrics
    assert metrics["evaluation/mean_squared_error"] == place.overall()["mean_squared_error"]
    assert "baseline/mean_squared_error" in metrics
    place.huberflow("track", "--metadata", "metadata.db", "--pipeline", "stock")
    assert len(place.parents()) == 2  # the live one was there

    shown = json.loads(place.huberflow("compare", "--metadata", "metadata.db", "--json"))
    assert [row["params"]["threshold"] for row in shown["rows"]] == ["1.0", "2.0"]
    assert [row["training"] for row in shown["rows"]] == ["ran", "ran"]
    assert shown["rows"][1]["metrics"]["mean_squared_error"]["value"] == pytest.approx(
        metrics["evaluation/mean_squared_error"]
    )
