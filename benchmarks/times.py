"""Timings of one thing, held against a goal in seconds."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.pairs import duration


@dataclass(frozen=True)
class Times:
    """Seconds of the same thing, measured again and again; at least once."""

    name: str
    goal: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """One that was disturbed does not move it."""
        return statistics.median(self.seconds)

    @property
    def met(self) -> bool:
        """Whether the median is within the goal."""
        return self.median <= self.goal


def show(title: str, measured: Iterable[Times], console: Console) -> None:
    """Prints one row for each, and whether its goal is met."""
    table = Table(title=title, title_justify="left")
    table.add_column("times", no_wrap=True)
    for heading in ("median", "least", "most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for times in measured:
        seconds = (times.median, min(times.seconds), max(times.seconds))
        table.add_row(
            f"{len(times.seconds)} {times.name}",
            *map(duration, seconds),
            f"{duration(times.goal)} {'met' if times.met else 'missed'}",
        )
    console.print(table)
