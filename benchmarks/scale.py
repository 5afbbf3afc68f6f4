"""``huberflow run`` on the taxi trips, and on 50 and 100 times as many rows.

All runs have the same config, that of a user's CSV. Memory is the resident memory of all processes
of a run, measured four times a second; shared memory counts for each process.
"""

import statistics
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psutil
from rich.table import Table

from benchmarks import many_trips
from benchmarks.harness import console, duration, fresh, huberflow, verdict, warm_up

COPIES = (1, 50, 100)
SPEED_GOAL, MEMORY_GOAL, GROWTH_GOAL = 10.0, 3.0, 1.1
_EVERY, _GIB = 0.25, 2**30


@dataclass(frozen=True)
class Size:
    """Runs on one number of rows; at least one run."""

    rows: int
    seconds: tuple[float, ...]
    peaks: tuple[int, ...]
    """Bytes."""

    @property
    def speed(self) -> float:
        """Rows per second, of the median run."""
        return self.rows / statistics.median(self.seconds)

    @property
    def memory(self) -> float:
        """The peak of all runs, in GiB."""
        return max(self.peaks) / _GIB


def run(times: int) -> None:
    """Measures each size, and prints the results.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    sizes = []
    for data, rows in many_trips.files(COPIES):
        command = partial(huberflow, "run", data=data)
        runs = [with_memory(lambda command=command: fresh(command)) for _ in range(times)]
        for took, peak in runs:
            console.print(f"{rows:,} rows: {duration(took)}, {peak / _GIB:.2f} GiB")
        sizes.append(Size(rows, *zip(*runs, strict=True)))
    show(sizes)


def with_memory(measured: Callable[[], float]) -> tuple[float, int]:
    """The measured seconds, and the peak memory of the processes that were started meanwhile."""
    peaks, ended = [0], threading.Event()
    before = psutil.Process().children()

    def watch() -> None:
        while not ended.wait(_EVERY):
            started = (child for child in psutil.Process().children() if child not in before)
            peaks.append(sum(map(_resident, started)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return measured(), max(peaks)
    finally:
        ended.set()
        watcher.join()


def _resident(process: psutil.Process) -> int:
    """Bytes of a process and all its descendants; those that have just ended count 0."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += each.memory_info().rss
    return total


def show(sizes: Sequence[Size]) -> None:
    """Prints a row for each size, and whether the largest meets the goals."""
    table = Table(title="Runs on more rows, whole processes", title_justify="left")
    for heading in ("rows", "median", "rows per second", "memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    for size in sizes:
        seconds = duration(statistics.median(size.seconds))
        table.add_row(f"{size.rows:,}", seconds, f"{size.speed:,.0f}", f"{size.memory:.2f} GiB")
    console.print(table)
    small, half, full = sizes
    faster, growth = full.speed / small.speed, full.memory / half.memory
    for text, met in (
        (f"rows per second: {faster:.1f} times, goal {SPEED_GOAL:g}", faster >= SPEED_GOAL),
        (f"memory: {full.memory:.2f} GiB, goal {MEMORY_GOAL:g}", full.memory <= MEMORY_GOAL),
        (f"memory for twice the rows: {growth:.2f}, goal {GROWTH_GOAL}", growth <= GROWTH_GOAL),
    ):
        console.print(f"{text}, {verdict(met)}")
