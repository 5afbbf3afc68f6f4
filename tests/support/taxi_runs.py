"""Runs of the taxi pipeline in one workspace, and what they left there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

SAMPLE = Path(__file__).parents[2] / "pipeline" / "resolve" / "sample" / "my_objects.py"

EVALUATION = {
    "metrics": [
        {"name": "HuberMetric", "key": "huber"},
        {"name": "RootMeanSquaredError", "key": "rmse"},
        {"name": "AbsoluteErrorQuantile", "config": {"quantile": 0.95}, "key": "tail_error"},
        {"name": "Coverage", "config": {"margin": 0.5}, "key": "coverage"},  # of the SAMPLE
    ]
}

BASE = {
    "training": {"epochs": 1},
    "evaluation": EVALUATION,
    "tracking": {"enabled": False},
}


class Runs:
    """A workspace; what it holds is asked for by node and key, and is the newest."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self._own = shutil.copy(SAMPLE, workspace.parent)

    def start(self, **sections: dict) -> subprocess.Popen[str]:
        """`huberflow run` with these sections in its config."""
        config = self.workspace.with_suffix(".yaml")
        config.write_text(yaml.safe_dump({**BASE, "objects": [str(self._own)], **sections}))
        huberflow = Path(sys.executable).with_name("huberflow")
        return subprocess.Popen(
            [huberflow, "run", "--workspace", self.workspace, "--config", config],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, **sections: dict) -> str:
        """What a run prints that ends well, blessed or not."""
        process = self.start(**sections)
        printed, _ = process.communicate()
        assert process.returncode in (0, 3), printed
        return printed

    def artifact(self, node: str, key: str) -> Path:
        folder = self.workspace / "artifacts" / node / key
        return max(folder.iterdir(), key=lambda path: int(path.name))

    def metrics(self) -> dict[tuple[str, str], float]:
        """Every metric of the newest evaluation, by slice and key."""
        report = json.loads((self.artifact("Evaluator", "evaluation") / "report.json").read_text())
        return {
            (json.dumps(row["slice"]), key): value
            for row in report["slices"]
            for key, value in row["candidate"].items()
        }

    def published(self) -> dict[str, bytes]:
        """Evaluations and verdicts, and the files that are served."""
        kept = [self.workspace / "artifacts" / "Evaluator", self.workspace / "serving"]
        files = [path for folder in kept for path in folder.rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in files}
