"""What a sweep saves: wall time of five trials as one sweep, and as five separate runs.

The sweep and each of the runs start from an empty workspace.
"""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks.pairs import Pairs
from benchmarks.processes import fresh, huberflow, in_turn, warm_up

GOAL = 0.35
KEY, VALUES = "training.loss.config.threshold", ("0.5", "1", "2", "4", "8")


def measure(pairs: int, console: Console) -> Pairs:
    """Prints each pair as it ends.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    separate = ("separate", lambda: sum(fresh(_points("run", value)) for value in VALUES))
    together = ("sweep", lambda: fresh(_points("sweep", *VALUES)))
    return in_turn(f"{len(VALUES)} trials", GOAL, separate, together, pairs, console)


def _points(verb: str, *values: str) -> Callable[[Path], list[str]]:
    return lambda folder: huberflow(verb, folder, f"{KEY}={','.join(values)}")
