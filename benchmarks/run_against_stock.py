"""Whole-process wall time of ``huberflow run`` against the stock pipeline, in pairs.

Both train for as many steps of the same batch size on the same CSV, each run in a fresh folder
and from nothing: imports, database, all steps, exit. The disk cache is warmed first, for both.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from benchmarks.pairs import Pairs, duration

OUR_SETTINGS = (
    "training.epochs=1",
    "training.steps_per_epoch=200",
    "training.batch_size=256",
)
"""Brings our training to the stock pipeline's 200 steps of batch 256."""

GOAL = 0.75
TAIL_LINES = 40
REPOSITORY = Path(__file__).resolve().parent.parent
HUBERFLOW = Path(sys.executable).parent / "huberflow"


def measure(pairs: int, console: Console) -> Pairs:
    """Runs stock, ours, stock, ours, ...; prints each pair as it ends.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    _warm_up()
    stock, ours = [], []
    for number in range(1, pairs + 1):
        stock.append(_seconds("stock", stock_command))
        ours.append(_seconds("ours", our_command))
        console.print(
            f"pair {number}: stock {duration(stock[-1])}, ours {duration(ours[-1])}, "
            f"ratio {ours[-1] / stock[-1]:.2f}"
        )
    return Pairs("run, 200 steps of 256", GOAL, tuple(stock), tuple(ours))


def stock_command(folder: Path) -> list[str]:
    """The stock pipeline, writing to ``folder``."""
    return [sys.executable, "-m", "benchmarks.stock_pipeline", "--root", str(folder)]


def our_command(folder: Path) -> list[str]:
    """``huberflow run`` of this environment, writing to ``folder``."""
    settings = [part for setting in OUR_SETTINGS for part in ("--set", setting)]
    return [str(HUBERFLOW), "run", "--workspace", str(folder), *settings]


def timed(command: Sequence[str], log: Path) -> float:
    """Seconds that a command takes from start to exit, all its output in ``log``.

    Raises:
      click.ClickException: it cannot be started, or exits with something other than 0.
    """
    with log.open("w") as output:
        start = time.perf_counter()
        try:
            code = subprocess.run(
                command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
        except OSError as error:
            raise click.ClickException(f"{command[0]} cannot be started: {error}") from error
        seconds = time.perf_counter() - start
    if code != 0:
        tail = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        raise click.ClickException("\n".join([f"exit code {code} from {command}:", *tail]))
    return seconds


def _seconds(name: str, command: Callable[[Path], list[str]]) -> float:
    with tempfile.TemporaryDirectory(prefix=f"huberflow-benchmark-{name}-") as folder:
        return timed(command(Path(folder) / "run"), Path(folder) / "log")


def _warm_up() -> None:
    """Reads both sides' libraries from disk once; a missing one shows now, not minutes later."""
    imports = "from tfx import v1; import mlflow, tensorflow_model_analysis"
    for command in ([str(HUBERFLOW), "--help"], [sys.executable, "-c", imports]):
        with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-warm-") as folder:
            timed(command, Path(folder) / "log")
