"""The README's first run once more, by the commands of a compiled spec."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kubeflow_launcher import Bucket, Cluster
from mlflow_servers import mlflow_server
from taxi_workspace import HUBERFLOW, NODES, Run, Workspace
from tracked import Tracked

pytestmark = pytest.mark.e2e
pytest.importorskip("kfp", reason="kfp is missing; write: uv pip install 'kfp==2.16.*'")

RUN_ID = "0f1c5d7e-8a86-4c8e-9a55-2d2f2f5f0a11"
HERE_ALONE = {
    # What lies elsewhere on a cluster.
    "ExampleGen.input_base",
    "Pusher.push_destination.filesystem.base_directory",
    # The model to beat is found by what serves; earlier data only a metadata store could find.
    "Baseline.config",
    "Baseline.strategy_class",
    "Baseline.serving",
    "EarlierData.config",
    "EarlierData.strategy_class",
}


@dataclass(frozen=True)
class OnCluster:
    """A run of the spec, and what it left."""

    cluster: Cluster
    pushed: Path
    tracked: Tracked


@pytest.fixture(scope="module")
def on_cluster(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnCluster]:
    """The same config as the first run's; the tracking server is named by a secret alone."""
    assert first.code == 0, first.errors
    place = tmp_path_factory.mktemp("cluster")
    settings = [
        *("kubeflow.volume=models", f"kubeflow.mount={place}/volume"),
        "kubeflow.tracking_from=mlflow-server",
    ]
    subprocess.run(
        [
            *(HUBERFLOW, "compile", "--target", "kubeflow", "--image", "huberflow:1"),
            *(f"--set={setting}" for setting in settings),
        ],
        cwd=place,
        check=True,
    )
    bucket = Bucket(f"{place}/bucket", place / "bucket")
    with mlflow_server(f"sqlite:///{place}/mlflow.db", place) as address:
        secret = {"MLFLOW_TRACKING_URI": address}
        cluster = Cluster(place / "pipeline.yaml", bucket, RUN_ID, secret)
        cluster.run()
        yield OnCluster(cluster, place / "volume" / "serving" / "taxi" / "1", Tracked(address))


def golden(bundle: Path) -> dict[str, np.ndarray]:
    """What the trained model said of held-out rows."""
    with np.load(bundle / "assets.extra" / "golden.npz") as arrays:
        return dict(arrays)


class TestRunOnCluster:
    def test_finds_what_a_run_on_this_machine_finds(self, on_cluster: OnCluster, first: Run):
        written = on_cluster.cluster.folder("Evaluator", "evaluation") / "report.json"
        report = json.loads(written.read_text())
        assert report == first.report
        assert report["blessed"]

    def test_pushes_the_same_model(self, on_cluster: OnCluster, first: Run, workspace: Workspace):
        here, there = golden(workspace.root.parent / first.pushed), golden(on_cluster.pushed)
        assert here.keys() == there.keys()
        for name, values in here.items():
            np.testing.assert_array_equal(there[name], values, err_msg=name)


class TestTracking:
    def test_has_the_run_with_a_run_for_each_node(self, on_cluster: OnCluster):
        run = on_cluster.tracked.run(RUN_ID)
        assert run.info.status == "FINISHED"
        assert set(on_cluster.tracked.nodes(run)) == set(NODES) - {"EarlierData"}

    def test_has_the_same_parameters_and_metrics(
        self, on_cluster: OnCluster, first: Run, workspace: Workspace
    ):
        here = Tracked(f"sqlite:///{workspace.root}/mlflow/mlflow.db").run(first.id).data
        there = on_cluster.tracked.run(RUN_ID).data
        differing = {
            key
            for key in here.params.keys() | there.params.keys()
            if here.params.get(key) != there.params.get(key)
        }
        assert differing <= HERE_ALONE
        found = {k: v for k, v in there.metrics.items() if k.startswith("evaluation/")}
        assert found == {k: v for k, v in here.metrics.items() if k.startswith("evaluation/")}
        assert there.metrics.keys() >= {"training/val_loss", "nodes/Trainer.seconds"}

    def test_has_the_champion_and_the_report(self, on_cluster: OnCluster):
        tracked = on_cluster.tracked
        run = tracked.run(RUN_ID)
        champion = tracked.client.get_model_version_by_alias("taxi", "champion")
        assert champion.run_id == run.info.run_id
        assert {"report.html", "slices.json", "statistics.html"} <= set(tracked.files(run))

    def test_is_found_from_the_models_certificate(self, on_cluster: OnCluster):
        text = (on_cluster.pushed / "assets.extra" / "certificate.json").read_text()
        known = json.loads(text)["lineage"]
        assert known["run"] == RUN_ID
        tags = on_cluster.tracked.run(RUN_ID).data.tags
        assert tags[known["mlflow"]["tag"]] == known["mlflow"]["value"]
