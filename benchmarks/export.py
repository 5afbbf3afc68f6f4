"""What faithful export costs a run, and what a faithful reload costs whoever loads.

The export is all that a plain SavedModel would not need: what the Trainer writes down for the
bundle, and ServingExport, which assembles, certifies and checks it in a clean process. The reload
is ``reload.load`` of that bundle against ``tf_keras.models.load_model``, with the same objects
registered, in one process, in turn.
"""

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.pairs import Pairs, duration
from benchmarks.processes import huberflow, timed, warm_up
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace

EXPORT_GOAL, RELOAD_GOAL = 0.25, 1.1
RELOADS = 30
WARM_UP = 3


def measure(runs: int, console: Console) -> tuple[Pairs, Pairs]:
    """The export's share of each run, and the reloads of the last one's model.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    seconds = []
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        for number in range(1, runs + 1):
            workspace = Workspace.at(Path(folder) / str(number))
            whole = timed(huberflow("run", workspace.root), Path(folder) / "log")
            export = _export_seconds(workspace)
            seconds.append((whole, export))
            console.print(f"run {number}: {duration(whole)}, its export {duration(export)}")
        (bundle,) = workspace.serving("taxi").iterdir()
        reloads = _reloads(bundle)
    return (
        Pairs("export", EXPORT_GOAL, *zip(*seconds, strict=True)),
        Pairs("reload", RELOAD_GOAL, *zip(*reloads, strict=True)),
    )


def _export_seconds(workspace: Workspace) -> float:
    """Of the workspace's only run: the Trainer's part by its log, the rest by the journal."""
    (run,) = run_history.runs(workspace, _refuse)
    logged = re.search(r"captured \d+ rows in ([\d.]+) s", Path(run.metadata.log).read_text())
    assembled = run.nodes["ServingExport"].seconds
    if logged is None or assembled is None:
        raise click.ClickException(f"run {run.id} exported nothing; its log: {run.metadata.log}")
    return float(logged[1]) + assembled


def _refuse(problem: str) -> None:
    raise click.ClickException(problem)


def _reloads(bundle: Path) -> list[tuple[float, float]]:
    import tf_keras

    from huberflow.components.bundle import reload
    from huberflow.custom_objects import registry

    registry.registered()
    pairs = [
        (_seconds(tf_keras.models.load_model, bundle), _seconds(reload.load, bundle))
        for _ in range(WARM_UP + RELOADS)
    ]
    return pairs[WARM_UP:]


def _seconds(load: Callable[[Path], Any], bundle: Path) -> float:
    start = time.perf_counter()
    load(bundle)
    return time.perf_counter() - start
