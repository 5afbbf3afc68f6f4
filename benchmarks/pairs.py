"""Paired times: medians, the ratio within a pair, and whether its goal is met."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Pairs:
    """Seconds of a baseline and of a candidate, measured in turn; at least one pair.

    Attributes:
      name: what was measured.
      goal: the ratio that the candidate should not exceed.
      baseline: seconds of another implementation, or of the simpler command.
      candidate: seconds of what is compared with it.
    """

    name: str
    goal: float
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.baseline or len(self.baseline) != len(self.candidate):
            raise ValueError(
                f"{self.name}: expected as many times of the candidate as of the baseline, at "
                f"least one, received {len(self.candidate)} and {len(self.baseline)}"
            )

    @property
    def ratios(self) -> list[float]:
        """The candidate divided by the baseline, pair by pair; below 1 is faster."""
        return [new / old for old, new in zip(self.baseline, self.candidate, strict=True)]

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

    @property
    def met(self) -> bool:
        """Whether the ratio is within the goal."""
        return self.ratio <= self.goal


def show(
    title: str,
    measured: Iterable[Pairs],
    console: Console,
    sides: tuple[str, str] = ("stock", "huberflow"),
) -> None:
    """Prints a row for each, with its ratio and whether the goal is met."""
    table = Table(title=title, title_justify="left")
    table.add_column("pairs", no_wrap=True)
    for heading in (*sides, "ratio", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for pairs in measured:
        table.add_row(
            f"{len(pairs.ratios)} {pairs.name}",
            duration(statistics.median(pairs.baseline)),
            duration(statistics.median(pairs.candidate)),
            f"{pairs.ratio:.2f}",
            "{:.2f}-{:.2f}".format(*pairs.spread),
            f"{pairs.goal:.2f} {verdict(pairs.met)}",
        )
    console.print(table)


def verdict(met: bool) -> str:
    """Whether a goal is met, in a word."""
    return "met" if met else "missed"


def duration(seconds: float) -> str:
    """``9.31 ms`` below a second, ``112.0 s`` above."""
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.1f} s"
