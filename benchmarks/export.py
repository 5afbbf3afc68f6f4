"""The cost of a bundle: for the run that exports it, and for a program that loads it.

The export is all that a plain SavedModel does not need: what the Trainer captures for the bundle,
and ServingExport, which assembles, certifies and checks it in a clean process. The reload is
``reload.load`` of that bundle against ``tf_keras.models.load_model``, with the same objects
registered, in turn in one process.
"""

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from benchmarks.pairs import Pairs, duration, show
from benchmarks.processes import huberflow, timed, warm_up
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace

EXPORT_GOAL, RELOAD_GOAL = 0.25, 1.1
RELOADS = 30
WARM_UP = 3


def run(runs: int, console: Console) -> None:
    """Measures the export's share of each run, and reloads the model of the last.

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
    exported = Pairs("export", EXPORT_GOAL, *zip(*seconds, strict=True))
    show("Export within its run", [exported], console, ("whole run", "export"))
    reloaded = Pairs("reload", RELOAD_GOAL, *zip(*reloads, strict=True))
    show("Reload", [reloaded], console, ("load_model", "reload.load"))


def _export_seconds(workspace: Workspace) -> float:
    """The seconds of the only run: the Trainer's share by its log, the rest by the journal."""
    (run,) = run_history.all_runs(workspace, _refuse)
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


def _seconds(load: Callable[[Path], object], bundle: Path) -> float:
    start = time.perf_counter()
    load(bundle)
    return time.perf_counter() - start
