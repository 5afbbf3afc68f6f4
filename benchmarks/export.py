"""The cost of a bundle: for the run that exports it, and for a program that loads it.

The export is all that a plain SavedModel does not need: what the Trainer captures for the bundle,
and ServingExport, which assembles, certifies and checks it in a clean process. The reload is
``reload.load`` of that bundle against ``tf_keras.models.load_model``, with the same objects
registered, in turn in one process.
"""

import re
from pathlib import Path

import click

from benchmarks.harness import (
    Pairs,
    console,
    duration,
    huberflow,
    only_run,
    seconds_of,
    show,
    temporary_folder,
    timed,
    warm_up,
)

EXPORT_GOAL, RELOAD_GOAL = 0.25, 1.1
RELOADS = 30
WARM_UP = 3


def run(runs: int) -> None:
    """Measures the export's share of each run, and reloads the model of the last.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    exports = []
    with temporary_folder() as folder:
        for number in range(1, runs + 1):
            workspace = folder / str(number)
            whole = timed(huberflow("run", workspace), folder / "log")
            export = export_seconds(workspace)
            exports.append((whole, export))
            console.print(f"run {number}: {duration(whole)}, its export {duration(export)}")
        (bundle,) = (workspace / "serving" / "taxi").iterdir()
        reloads = _reloads(bundle)
    exported = Pairs("export", EXPORT_GOAL, exports)
    show("Export within its run", [exported], ("whole run", "export"))
    show("Reload", [Pairs("reload", RELOAD_GOAL, reloads)], ("load_model", "reload.load"))


def export_seconds(workspace: Path) -> float:
    """The seconds of the only run: the Trainer's share by its log, the rest by the journal."""
    run = only_run(workspace)
    logged = re.search(r"captured \d+ rows in ([\d.]+) s", Path(run.metadata.log).read_text())
    assembled = run.nodes["ServingExport"].seconds
    if logged is None or assembled is None:
        raise click.ClickException(f"run {run.id} exported nothing; its log: {run.metadata.log}")
    return float(logged[1]) + assembled


def _reloads(bundle: Path) -> list[tuple[float, float]]:
    import tf_keras

    from huberflow.components.bundle import reload
    from huberflow.custom_objects import registry

    registry.registered()
    pairs = [
        (seconds_of(tf_keras.models.load_model, bundle), seconds_of(reload.load, bundle))
        for _ in range(WARM_UP + RELOADS)
    ]
    return pairs[WARM_UP:]
