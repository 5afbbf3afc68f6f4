"""Runs `huberflow` as a user does, and reads what the user reads."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HUBERFLOW = Path(sys.executable).with_name("huberflow")

NODES = [
    "ExampleGen",
    "StatisticsGen",
    "EarlierData",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Baseline",
    "Evaluator",
    "ServingExport",
    "Pusher",
]


@dataclass(frozen=True)
class Run:
    """A finished `huberflow run`, as a user sees it."""

    code: int
    output: str
    errors: str
    versions: list[str]
    """What serves afterwards."""
    report: dict
    """The newest evaluation report in the workspace; empty where there is none yet."""

    @property
    def id(self) -> str:
        """The run's own."""
        return re.search(r"^run (\S+)", self.output, re.M)[1]

    @property
    def states(self) -> dict[str, str]:
        """Each node's state, in order."""
        return dict(re.findall(r"^  (\w+) +(ran|cached|resolved|failed) ", self.output, re.M))

    def why(self, node: str) -> str:
        """What the run says of why a node ran."""
        return re.search(rf"^  {node} .* s  (.*)$", self.output, re.M)[1]

    @property
    def pushed(self) -> Path:
        """The folder of the pushed version."""
        return Path(re.search(r"^pushed +(\S+)", self.output, re.M)[1])

    def metric(self, name: str) -> float:
        """A metric of the table."""
        return float(re.search(rf"^{name} +([\d.,]+)", self.output, re.M)[1].replace(",", ""))


class Workspace:
    """A workspace, and the commands that a user types against it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.serving = root / "serving" / "taxi"

    def arguments(self, verb: str, *settings: str) -> list[str]:
        return [verb, "--workspace", str(self.root), *(f"--set={s}" for s in settings)]

    def run(self, *settings: str, code_from: Path | None = None) -> Run:
        return self.command("run", *settings, code_from=code_from)

    def command(self, verb: str, *settings: str, code_from: Path | None = None) -> Run:
        """Runs a verb beside the workspace, with that folder or another one on Python's path."""
        done = subprocess.run(
            [HUBERFLOW, *self.arguments(verb, *settings)],
            capture_output=True,
            text=True,
            cwd=self.root.parent,
            env={**os.environ, "PYTHONPATH": str(code_from or self.root.parent)},
        )
        return self.finished(done)

    def copy(self, folder: Path, *, history: bool) -> Workspace:
        """Another workspace whose nodes are cached from this one's; with or without its runs."""
        folder.mkdir(parents=True)
        shutil.copy(self.root / "metadata.sqlite", folder)
        if history:
            shutil.copytree(
                self.root / "journal",
                folder / "journal",
                ignore=shutil.ignore_patterns("*.tracked.json"),
            )
        return Workspace(folder)

    def finished(self, done: subprocess.CompletedProcess[str]) -> Run:
        return Run(done.returncode, done.stdout, done.stderr, self.versions(), self.report())

    def start(self, *settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [HUBERFLOW, *self.arguments("run", *settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.root.parent,
        )

    def versions(self) -> list[str]:
        return sorted(path.name for path in self.serving.glob("*"))

    def latest(self, node: str, key: str) -> Path:
        """Folder of the newest artifact under a node's output key."""
        return max((self.root / "artifacts" / node / key).iterdir(), key=lambda p: int(p.name))

    def report(self) -> dict:
        reports = self.root.glob("artifacts/Evaluator/evaluation/*/report.json")
        newest = max(reports, key=lambda path: int(path.parent.name), default=None)
        return json.loads(newest.read_text()) if newest else {}


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Reads what a run prints until this text comes."""
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} never came:\n{seen}")
