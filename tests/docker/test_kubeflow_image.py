"""The containers of a compiled spec give the same result as `docker compose up`."""

import json
import os
import subprocess
from functools import partial

import numpy as np
import pytest
from container_engine import docker
from kubeflow_launcher import Bucket, Cluster, Container

from huberflow.components.bundle import reload

NAME = "cluster"
LOCKED_UP = (
    *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"),
    *("--user=1000",),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that the image's user can also write to."""
    before = os.umask(0)
    folder = tmp_path_factory.mktemp("cluster")
    folder.chmod(0o777)
    for name in ("bucket", "models"):
        (folder / name).mkdir()
    yield folder
    os.umask(before)


@pytest.fixture(scope="module")
def cluster(compose, place):
    """A run; only the last container, which delivers to MLflow, has a network."""
    docker(
        *("run", "--rm", *LOCKED_UP, f"--volume={place}:/work", "huberflow", "compile"),
        *("--target=kubeflow", "--image=huberflow", "--set=kubeflow.volume=models"),
        *("--set=kubeflow.tracking_from=mlflow-server", f"--set=name={NAME}"),
    )
    cluster = Cluster(
        place / "pipeline.yaml",
        Bucket("minio://bucket", place / "bucket"),
        run_id="0f1c5d7e-8a86-4c8e-9a55-2d2f2f5f0a11",
        secrets={"MLFLOW_TRACKING_URI": "http://mlflow:5000"},
        start=partial(start, place, compose.network),
    )
    cluster.run()
    return cluster


def start(place, network: str, container: Container) -> subprocess.CompletedProcess[str]:
    """Runs a container like Kubernetes, without rights that the spec does not request."""
    program, *arguments = container.command
    return subprocess.run(
        [
            *("docker", "run", "--rm", *LOCKED_UP, f"--volume={place}/bucket:/minio/bucket"),
            *(f"--volume={place / claim}:{path}" for path, claim in container.volumes.items()),
            *(f"--env={name}={value}" for name, value in container.secrets.items()),
            f"--network={network if container.secrets else 'none'}",
            *(f"--entrypoint={program}", container.image, *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_same_model_is_blessed(cluster, compose, tmp_path):
    compose("cp", "serving:/work/workspace/artifacts/Evaluator/evaluation", str(tmp_path))
    (here,) = tmp_path.glob("evaluation/*/report.json")
    there = cluster.folder("Evaluator", "evaluation") / "report.json"
    assert json.loads(there.read_text()) == json.loads(here.read_text())
    assert json.loads(there.read_text())["blessed"]


def test_the_same_model_is_pushed(cluster, bundle, place):
    pushed = place / "models" / "serving" / NAME / "1"
    with (
        np.load(bundle / reload.layout.GOLDEN_VALUES) as here,
        np.load(pushed / reload.layout.GOLDEN_VALUES) as there,
    ):
        assert set(there) == set(here)
        for name in here:
            np.testing.assert_array_equal(there[name], here[name], err_msg=name)


def test_the_run_is_in_mlflow(cluster, compose):
    from mlflow import MlflowClient

    client = MlflowClient(f"http://127.0.0.1:{compose.port('mlflow', 5000)}")
    [experiment] = client.search_experiments(filter_string=f"name = '{NAME}'")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    [whole] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    nodes = {run.info.run_name for run in runs if run is not whole}
    assert nodes >= {"ExampleGen", "Transform", "Trainer", "Evaluator", "Pusher"}
