"""Classes and several labels from a file to a served prediction, on real data.

Two classes: sklearn's breast cancer; three: its wine (both UCI, CC BY 4.0; scikit-learn, BSD).
Several labels: the highest and lowest temperature of a day in Seattle, judged by its last months
(NOAA; vega-datasets, MIT).
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from taxi_workspace import HUBERFLOW

pytestmark = pytest.mark.e2e

QUICK = [
    "--set=training.batch_size=16",
    "--set=training.epochs=10",
    "--set=tracking.enabled=false",
]

AIM = "{aim: f1}"


def classes(name: str, label: str):
    """Writes a data set of sklearn, its classes by name, some rows without one."""

    def write(folder: Path) -> Path:
        from sklearn import datasets

        data = getattr(datasets, f"load_{name}")(as_frame=True)
        frame = data.frame.rename(columns={"target": label})
        frame[label] = [str(data.target_names[place]) for place in frame[label]]
        frame.loc[:4, label] = None
        frame.to_csv(folder / f"{name}.csv", index=False)
        return folder / f"{name}.csv"

    return write


def weather(folder: Path) -> Path:
    package = Path(importlib.util.find_spec("vega_datasets").origin).parent
    return Path(shutil.copy(package / "_data" / "seattle-weather.csv", folder / "weather.csv"))


@dataclass
class Trained:
    """A finished run, and the folder where it was started."""

    folder: Path
    data: Path
    labels: tuple[str, ...]
    done: subprocess.CompletedProcess[str] | None = None

    @property
    def overall(self) -> dict:
        (path,) = self.folder.glob("workspace/artifacts/Evaluator/evaluation/*/report.json")
        slices = json.loads(path.read_text())["slices"]
        return next(row for row in slices if not row["slice"])["candidate"]

    def rows(self, file: Path | None = None) -> list[dict[str, str]]:
        with (file or self.data).open(newline="") as rows:
            return list(csv.DictReader(rows))

    def huberflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HUBERFLOW, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ},
        )


@pytest.fixture(
    scope="module",
    params=[
        (classes("breast_cancer", "diagnosis"), ("diagnosis",), f"--set=model.threshold={AIM}"),
        (classes("wine", "cultivar"), ("cultivar",)),
        (weather, ("temp_max", "temp_min"), "--set=data.splits.column=date"),
    ],
    ids=["two classes", "three classes", "two labels"],
)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    write, labels, *asked = request.param
    folder = tmp_path_factory.mktemp("task")
    trained = Trained(folder, write(folder), labels)
    named = [part for label in labels for part in ("--label", label)]
    trained.done = trained.huberflow("run", "--data", str(trained.data), *named, *asked, *QUICK)
    return trained


def test_it_runs_to_a_blessed_model(trained: Trained) -> None:
    assert trained.done.returncode == 0, trained.done.stdout + trained.done.stderr
    assert "blessed       yes" in trained.done.stdout
    without = sum(any(not row[label] for label in trained.labels) for row in trained.rows())
    told = f"dropped: {without} rows without {trained.labels[0]}" in trained.done.stderr
    assert told == (without > 0)


def test_it_beats_what_needs_no_features(trained: Trained) -> None:
    if len(trained.labels) == 1:
        counts = Counter(row[trained.labels[0]] for row in trained.rows())
        errs = 1 - max(counts.values()) / counts.total()
        assert 1 - trained.overall["accuracy"] < 0.3 * errs
        return
    for label in trained.labels:
        values = np.array([float(row[label]) for row in trained.rows()])
        spread = np.abs(values - np.median(values)).mean()
        assert trained.overall[f"mae_{label}"] < 0.6 * spread


def certificate(models: Path) -> dict:
    (path,) = models.glob("*/assets.extra/certificate.json")
    return json.loads(path.read_text())


def test_it_predicts_a_file(trained: Trained) -> None:
    (models,) = (trained.folder / "workspace" / "serving").iterdir()
    files = ["--data", str(trained.data), "--output", "out.csv"]
    done = trained.huberflow("predict", str(models), *files)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = trained.rows(trained.folder / "out.csv")
    assert len(rows) == len(trained.rows())
    if len(trained.labels) == 1:
        (label,) = trained.labels
        right = [row["prediction"] == row[label] for row in rows if row[label]]
        assert np.mean(right) > 0.9
        threshold = certificate(models)["training"].get("threshold")
        if threshold:
            looked_for = threshold["class_name"]
            answered = [row["prediction"] == looked_for for row in rows]
            probable = [float(row[f"probability_{looked_for}"]) for row in rows]
            assert answered == [each >= threshold["value"] for each in probable]
            assert (threshold["aim"], threshold["f1"] > 0.9) == ("f1", True)
        else:
            sure = [float(row[f"probability_{row['prediction']}"]) for row in rows]
            assert min(sure) >= 1 / 3
    else:
        assert {"prediction_temp_max", "prediction_temp_min"} < rows[0].keys()
