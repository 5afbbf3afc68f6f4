"""Wall time of processes, from start to exit."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console

from benchmarks.pairs import Pairs, duration

TAIL_LINES = 40
REPOSITORY = Path(__file__).resolve().parent.parent
HUBERFLOW = Path(sys.executable).parent / "huberflow"


def huberflow(verb: str, workspace: Path, *settings: str) -> list[str]:
    """A command of the ``huberflow`` in this environment."""
    options = [part for setting in settings for part in ("--set", setting)]
    return [str(HUBERFLOW), verb, "--workspace", str(workspace), *options]


def timed(command: Sequence[str], log: Path) -> float:
    """The seconds of a command from start to exit; its output goes to ``log``.

    Raises:
      click.ClickException: it cannot be started, or does not exit with 0; with its last lines.
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


def fresh(command: Callable[[Path], list[str]]) -> float:
    """The seconds of a command that writes to a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        return timed(command(Path(folder) / "run"), Path(folder) / "log")


def warm_up() -> None:
    """Imports all libraries once, so that the first measurement finds them in the disk cache."""
    imports = "from tfx import v1; import mlflow, tensorflow_model_analysis"
    for command in ([str(HUBERFLOW), "--help"], [sys.executable, "-c", imports]):
        fresh(lambda _, command=command: command)


Side = tuple[str, Callable[[], float]]
"""A name, and a function that measures it once, in seconds."""


def in_turn(
    name: str, goal: float, baseline: Side, candidate: Side, pairs: int, console: Console
) -> Pairs:
    """Measures baseline, candidate, baseline, ...; prints each pair as it ends."""
    seconds = []
    for number in range(1, pairs + 1):
        pair = baseline[1](), candidate[1]()
        seconds.append(pair)
        console.print(
            f"pair {number}: {baseline[0]} {duration(pair[0])}, "
            f"{candidate[0]} {duration(pair[1])}, "
            f"ratio {pair[1] / pair[0]:.2f}"
        )
    return Pairs(name, goal, *zip(*seconds, strict=True))
