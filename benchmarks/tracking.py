"""What it costs a run to be tracked: wall time of ``huberflow run`` with and without MLflow.

Each run starts from an empty workspace, so that a tracked one also creates MLflow's database.
"""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.pairs import Pairs
from benchmarks.processes import fresh, huberflow, in_turn, warm_up

GOAL = 1.05


def measure(pairs: int, console: Console) -> Pairs:
    """Prints each pair as it ends.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    untracked = ("untracked", lambda: fresh(_run("tracking.enabled=false")))
    tracked = ("tracked", lambda: fresh(_run("tracking.enabled=true")))
    return in_turn("run", GOAL, untracked, tracked, pairs, console)


def _run(setting: str) -> Callable[[Path], list[str]]:
    return lambda folder: huberflow("run", folder, setting)
