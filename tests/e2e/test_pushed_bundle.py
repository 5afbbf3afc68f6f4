"""The model that a real run pushed: what it carries, and that it is the same wherever it goes."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import requests
from bare_environment import BareEnvironment
from c_client import answers, assert_same_bits
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from mlflow import MlflowClient
from mlflow_servers import free_port
from taxi_workspace import HUBERFLOW, Run, Workspace

from huberflow.components.bundle import reload

pytestmark = pytest.mark.e2e

TRAIN_ON = """
import json
from reload import deterministic_sums, golden, load

golden = golden("model")
with deterministic_sums():
    model = load("model")
    losses = [float(model.train_on_batch(golden.inputs, golden.labels)[0]) for _ in range(2)]
print(json.dumps([losses, golden.values["steps"].tolist()]))
"""

PREDICT_BY_LOAD_AND_PREDICTOR = """
import json
from reload import golden, load, predictor

golden = golden("model")
model = load("model")
served = predictor("model")(**golden.requests["serving_default"])["prediction"]
raw = golden.requests["columns"]

def plain(value):
    if isinstance(value, bytes):
        return value.decode() or None
    return None if value != value else value

rows = {name: [plain(value) for value in values.tolist()] for name, values in raw.items()}
print(json.dumps({
    "predictor": served.tolist(),
    "columns": predictor("model", "columns")(**raw)["prediction"].tolist(),
    "load": model(golden.inputs, training=False).numpy()[:, 0].tolist(),
    "rows": rows,
}))
"""


@pytest.fixture(scope="module")
def elsewhere(
    first: Run, workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[BareEnvironment, Path]:
    """An environment with tensorflow and tf_keras alone, and a folder with a copy of the model."""
    assert first.code == 0, first.errors
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(workspace.serving / "1", folder / "model")
    return BareEnvironment(folder / "environment"), folder


def told(elsewhere: tuple[BareEnvironment, Path], script: str) -> object:
    """What a user's script prints there."""
    environment, folder = elsewhere
    (folder / "script.py").write_text(script)
    extra = str(folder / "model" / "assets.extra")
    done = environment.run("script.py", cwd=folder, PYTHONPATH=extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_training_goes_on_elsewhere_as_it_would_have_here(elsewhere) -> None:
    losses, original = told(elsewhere, TRAIN_ON)
    assert losses == original
    assert losses[0] != losses[1]


def test_a_row_has_one_prediction_however_it_is_asked_for(
    elsewhere, workspace: Workspace, tmp_path: Path
) -> None:
    """By the REST server, by `predict`, by ``reload.predictor`` and by ``reload.load``."""
    found = told(elsewhere, PREDICT_BY_LOAD_AND_PREDICTOR)
    rows = found["rows"]
    model, port = str(workspace.serving / "1"), free_port()
    names, count = list(rows), len(found["load"])
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(
            ["" if rows[name][number] is None else rows[name][number] for name in names]
            for number in range(count)
        )
    data, output = tmp_path / "rows.csv", tmp_path / "predictions.csv"
    predict = [HUBERFLOW, "predict", model, "--data", str(data), "--output", str(output)]
    done = subprocess.run(predict, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with output.open(newline="") as file:
        by_file = [float(row["prediction"]) for row in csv.DictReader(file)]
    with subprocess.Popen(
        [HUBERFLOW, "serve", model, "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert "serving" in server.stdout.readline()
            url = f"http://127.0.0.1:{port}/invocations"
            answered = requests.post(url, json={"inputs": rows}, timeout=60).json()["predictions"]
        finally:
            server.terminate()
    by_rest = [row["prediction"] for row in answered]
    for other in (found["columns"], by_file, by_rest):
        np.testing.assert_array_equal(np.float32(found["predictor"]), np.float32(other))
    # Keras runs another graph than the signatures: on some processors the last bit differs.
    np.testing.assert_allclose(found["load"], found["predictor"], rtol=1e-6)


def test_a_program_in_c_gets_the_golden_answers(
    serving_client: Path, first: Run, workspace: Workspace
) -> None:
    assert first.code == 0, first.errors
    model = workspace.serving / "1"
    golden = reload.golden(model)
    assert golden.requests.keys() == {"serving_default", "columns"}
    expected = {name: each for name, each in golden.values.items() if name.startswith("answers/")}
    assert_same_bits(answers(serving_client, model), expected)


@pytest.fixture(scope="module")
def certificate(first: Run, workspace: Workspace) -> dict:
    path = workspace.serving / "1" / "assets.extra" / "certificate.json"
    return json.loads(path.read_text())


class TestCertificate:
    def test_leads_back_to_the_run(self, certificate, first: Run, workspace: Workspace) -> None:
        """By MLflow's own client, from the folder that is deployed."""
        lineage = certificate["lineage"]
        assert (lineage["run"], lineage["blessed"]) == (first.id, True)
        client = MlflowClient(f"sqlite:///{workspace.root}/mlflow/mlflow.db")
        experiment = client.get_experiment_by_name("taxi").experiment_id
        tag, value = lineage["mlflow"]["tag"], lineage["mlflow"]["value"]
        (run,) = client.search_runs([experiment], f"tags.`{tag}` = '{value}'")
        assert run.data.tags["huberflow.run"] == first.id
        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(workspace.root / "metadata.sqlite")
        (model,) = MetadataStore(config).get_artifacts_by_id(lineage["artifacts"]["model"])
        assert Path(model.uri).parent == workspace.root / "artifacts" / "Trainer" / "model"

    def test_names_every_custom_object_with_its_config(self, certificate) -> None:
        objects = {entry["name"]: entry["config"] for entry in certificate["objects"]}
        assert objects["custom_objects>HuberLoss"]["threshold"] == 1.0
        assert "custom_objects>HuberMetric" in objects

    def test_is_that_of_the_registered_model(
        self, certificate, first: Run, workspace: Workspace
    ) -> None:
        client = MlflowClient(f"sqlite:///{workspace.root}/mlflow/mlflow.db")
        versions = client.search_model_versions("name = 'taxi'")
        certificates = {version.tags["huberflow.certificate"] for version in versions}
        assert certificate["sha256"] in certificates


def test_the_model_in_mlflow_is_found_faithful(gated: Run, workspace: Workspace) -> None:
    """Downloaded from the registry, with the same certificate."""
    done = subprocess.run(
        [HUBERFLOW, *workspace.arguments("verify"), "models:/taxi@champion", "--json"],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["precision"] == "same_machine"
    assert {value["absolute"] for value in report["values"].values()} == {0.0}
