"""What all benchmarks share: timed processes, pairs of times, and the table of their ratios."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace

TAIL_LINES = 40
REPOSITORY = Path(__file__).resolve().parent.parent
HUBERFLOW = Path(sys.executable).parent / "huberflow"

# rich assumes 80 columns where there is no terminal; the tables are wider.
console = Console(width=None if sys.stdout.isatty() else 110)


@dataclass(frozen=True)
class Pairs:
    """Seconds of a baseline and of a candidate, measured in turn; at least one pair."""

    name: str
    goal: float
    """The ratio that the candidate should not exceed."""
    seconds: Sequence[tuple[float, float]]

    @property
    def ratios(self) -> list[float]:
        """The candidate divided by the baseline, pair by pair; below 1 is faster."""
        return [candidate / baseline for baseline, candidate in self.seconds]

    @property
    def ratio(self) -> float:
        """The median of the ratios, which one disturbed pair does not change."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The interquartile range of the ratios; minimum and maximum of fewer than 8."""
        if len(self.ratios) < 8:
            return min(self.ratios), max(self.ratios)
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return low, high


def show(
    title: str, measured: Iterable[Pairs], sides: tuple[str, str] = ("stock", "huberflow")
) -> None:
    """Prints a row for each, with its ratio and whether the goal is met."""
    table = Table(title=title, title_justify="left")
    table.add_column("pairs", no_wrap=True)
    for heading in (*sides, "ratio", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for pairs in measured:
        medians = map(statistics.median, zip(*pairs.seconds, strict=True))
        table.add_row(
            f"{len(pairs.seconds)} {pairs.name}",
            *map(duration, medians),
            f"{pairs.ratio:.2f}",
            "{:.2f}-{:.2f}".format(*pairs.spread),
            f"{pairs.goal:.2f} {verdict(pairs.ratio <= pairs.goal)}",
        )
    console.print(table)


def verdict(met: bool) -> str:
    """Whether a goal is met, in a word."""
    return "met" if met else "missed"


def duration(seconds: float) -> str:
    """``9.31 ms`` below a second, ``112.0 s`` above."""
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.1f} s"


Side = tuple[str, Callable[[], float]]
"""A name, and a function that measures it once, in seconds."""


def in_turn(name: str, goal: float, baseline: Side, candidate: Side, pairs: int) -> Pairs:
    """Measures baseline, candidate, baseline, ...; prints each pair as it ends."""
    seconds = []
    for number in range(1, pairs + 1):
        old, new = baseline[1](), candidate[1]()
        seconds.append((old, new))
        times = f"{baseline[0]} {duration(old)}, {candidate[0]} {duration(new)}"
        console.print(f"pair {number}: {times}, ratio {new / old:.2f}")
    return Pairs(name, goal, seconds)


def seconds_of(function: Callable[..., object], *arguments: object) -> float:
    """The wall time of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed after the block."""
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        yield Path(folder)


def huberflow(verb: str, workspace: Path, *settings: str, data: Path | None = None) -> list[str]:
    """A command of the ``huberflow`` in this environment; ``data`` are copies of the trips."""
    options = [part for setting in settings for part in ("--set", setting)]
    own = ["--data", str(data), "--label", "fare"] if data else []
    return [str(HUBERFLOW), verb, "--workspace", str(workspace), *options, *own]


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
    with temporary_folder() as folder:
        return timed(command(folder / "run"), folder / "log")


def trained_bundle(folder: Path, *settings: str) -> Path:
    """The exported model of a run on the taxi trips, in a new workspace below a folder."""
    timed(huberflow("run", folder / "workspace", *settings), folder / "log")
    (bundle,) = (folder / "workspace" / "serving" / "taxi").iterdir()
    return bundle


def only_run(workspace: Path) -> Run:
    """The only run of a workspace.

    Raises:
      InputError: its journal cannot be read.
    """
    (journal,) = Workspace.at(workspace).journals.glob("*.jsonl")
    return run_history.read_run(journal)


def warm_up() -> None:
    """Imports all libraries once, so that the first measurement finds them in the disk cache."""
    imports = "from tfx import v1; import mlflow, tensorflow_model_analysis"
    for command in ([str(HUBERFLOW), "--help"], [sys.executable, "-c", imports]):
        fresh(lambda _, command=command: command)
