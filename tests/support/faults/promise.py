"""What a user is promised after a fault, compared with what is there."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from faults.catalogue import End, Fault
from faults.warmed import Ended
from huberflow.components.bundle import reload
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking.delivery import receipt

PREFIX = "huberflow: "
MOST_LINES = 3
"""Of an error on the terminal: the cause, what to do, and where the log is."""

_CODES = {End.KILLED: {-9}, End.STOPPED: {0, 1, 2, 130}, End.WELL: {0}}

_MLFLOW = {
    "done": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
    "killed": "KILLED",
}


def unclear(ended: Ended, fault: Fault, notes: Collection[str]) -> Iterator[str]:
    """What is not clear to the user in how a struck run ended.

    Args:
      ended: what it printed.
      fault: that struck.
      notes: lines on the terminal without any fault, such as how long training will be.
    """
    if ended.code not in _CODES[fault.end]:
        yield f"exit code {ended.code}"
    if "Traceback" in ended.output + ended.errors:
        yield "a traceback on the terminal"
    lines = besides(ended, notes)
    if not all(line.startswith(PREFIX) for line in lines):
        yield "lines on the terminal that are not huberflow's"
    if ended.code > 0:
        if not 0 < len(lines) <= MOST_LINES:
            yield f"{len(lines)} lines of an error, not 1 to {MOST_LINES}"
        if not re.search(fault.cause, ended.errors):
            yield f"an error that does not say {fault.cause!r}"


def besides(ended: Ended, notes: Collection[str]) -> list[str]:
    """The lines on the terminal but those that are there without any fault, too."""
    return [line for line in ended.errors.splitlines() if line not in notes]


def half_visible(workspace: Workspace) -> Iterator[str]:
    """What is there and should not be: a model, a journal, a database that is not whole."""
    for version in workspace.serving("taxi").glob("[0-9]*"):
        try:
            reload.verify(version)
        except (reload.ReloadError, OSError) as error:
            yield f"a pushed model is not whole: {error}"
    damage: list[str] = []
    for run in run_history.all_runs(workspace, damage.append):
        for node in run.nodes.values():
            if node.state in ("ran", "cached") and node.execution:
                artifacts = [each for found in node.execution.outputs.values() for each in found]
                gone = [each.uri for each in artifacts if not each.uri.exists()]
                yield from (f"{run.id}: {node.name} ran, and {uri} is not there" for uri in gone)
    yield from damage
    for database in (workspace.metadata, workspace.tracking / "mlflow.db"):
        yield from _damaged(database)


def _damaged(database: Path) -> Iterator[str]:
    if not database.exists() or not database.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(database, 60)) as opened:
            ((found,),) = opened.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        yield f"{database.name}: {found}"


def results(workspace: Workspace) -> dict[str, str]:
    """What the newest run found: metrics, predictions, and the weights of the pushed model."""
    evaluation = _newest(workspace.artifacts / "Evaluator" / "evaluation")
    predictions = _newest(workspace.artifacts / "Trainer" / "model_run") / "predictions.jsonl"
    serving = _newest(workspace.serving("taxi"))
    report = json.loads((evaluation / "report.json").read_text())
    weights = sorted((serving / "variables").glob("variables.data*"))
    return {
        "metrics": json.dumps([[row["slice"], row["candidate"]] for row in report["slices"]]),
        "blessed": str(report["blessed"]),
        "predictions": _digest(predictions),
        "weights": " ".join(map(_digest, weights)),
    }


def unlike(workspace: Workspace, expected: dict[str, str]) -> Iterator[str]:
    """Results that differ from those of an undisturbed run."""
    try:
        found = results(workspace)
    except (OSError, ValueError) as error:
        yield f"no results: {error}"
        return
    yield from (f"other {name}" for name, value in expected.items() if found[name] != value)


def untracked(workspace: Workspace) -> Iterator[str]:
    """Runs that MLflow does not show as they ended."""
    with closing(sqlite3.connect(workspace.tracking / "mlflow.db", 60)) as database:
        shown = dict(database.execute("SELECT run_uuid, status FROM runs"))
    for run in run_history.all_runs(workspace, lambda line: None):
        delivered = receipt(workspace, run.id)
        if delivered is None or not delivered.complete:
            yield f"{run.id} ({run.status}) is not delivered"
        elif shown.get(delivered.run) != _MLFLOW[run.status]:
            yield f"{run.id} ({run.status}) is {shown.get(delivered.run)} in MLflow"


def not_compared(workspace: Workspace, printed: Ended) -> Iterator[str]:
    """What the table of `huberflow compare` lacks."""
    newest = max(run.id for run in run_history.all_runs(workspace, lambda line: None))
    if printed.code != 0 or newest not in printed.output or printed.errors:
        yield f"compare: {printed.code} {printed.errors.strip()[:200]}"


def files(folder: Path) -> set[str]:
    """The paths in a folder, without what differs from run to run."""
    return {_general(str(path.relative_to(folder))) for path in folder.rglob("*")}


def left_over(workspace: Workspace, expected: set[str]) -> Iterator[str]:
    """Files that no undisturbed run leaves; MLflow also keeps the logs of runs that failed."""
    folder = workspace.root
    for path in folder.rglob("*"):
        if path.name != "run.log" and _general(str(path.relative_to(folder))) not in expected:
            yield f"left over: {path.relative_to(folder)}"


def _general(path: str) -> str:
    """A path without what differs from run to run: ids, and the times that name runs."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d-]+\d|[0-9a-f]{32}|\d+", "0", path)


def _newest(folder: Path) -> Path:
    numbers: Sequence[Path] = [path for path in folder.iterdir() if path.name.isdigit()]
    return max(numbers, key=lambda path: int(path.name))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
