"""Whole-process wall time of ``huberflow run`` against the stock pipeline, in pairs.

Both train for as many steps of the same batch size on the same CSV, each run in a fresh folder
and from nothing: imports, database, all steps, exit. The disk cache is warmed first, for both.
"""

import sys
from pathlib import Path

from rich.console import Console

from benchmarks.pairs import Pairs
from benchmarks.processes import fresh, huberflow, in_turn, warm_up

OUR_SETTINGS = (
    "training.epochs=1",
    "training.steps_per_epoch=200",
    "training.batch_size=256",
)
"""Brings our training to the stock pipeline's 200 steps of batch 256."""

GOAL = 0.75


def measure(pairs: int, console: Console) -> Pairs:
    """Prints each pair as it ends.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    stock = ("stock", lambda: fresh(stock_command))
    ours = ("ours", lambda: fresh(lambda folder: huberflow("run", folder, *OUR_SETTINGS)))
    return in_turn("run, 200 steps of 256", GOAL, stock, ours, pairs, console)


def stock_command(folder: Path) -> list[str]:
    """The stock pipeline, writing to ``folder``."""
    return [sys.executable, "-m", "benchmarks.stock_pipeline", "--root", str(folder)]
