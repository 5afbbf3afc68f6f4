"""Paired timings: medians, the ratio within a pair, and a verdict beside its goal."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Pairs:
    """Seconds of the stock thing, or of what we had, and of ours, in turn; at least one pair."""

    name: str
    goal: float
    stock: tuple[float, ...]
    ours: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.stock or len(self.stock) != len(self.ours):
            raise ValueError(
                f"{self.name}: expected as many timings of ours as of stock, at least one, "
                f"received {len(self.ours)} and {len(self.stock)}"
            )

    @property
    def ratios(self) -> list[float]:
        """Ours divided by stock, pair by pair; below 1 is faster."""
        return [ours / stock for stock, ours in zip(self.stock, self.ours, strict=True)]

    @property
    def ratio(self) -> float:
        """Median of the ratios: one pair that was disturbed does not move it."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the ratios; all of them where there are fewer than 8."""
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
    sides: tuple[str, str] = ("stock", "ours"),
) -> None:
    """Prints one row for each, and beside its ratio whether the goal is met."""
    table = Table(title=title, title_justify="left")
    table.add_column("pairs", no_wrap=True)
    for heading in (*sides, "ratio", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    for pairs in measured:
        table.add_row(
            f"{len(pairs.ratios)} {pairs.name}",
            duration(statistics.median(pairs.stock)),
            duration(statistics.median(pairs.ours)),
            f"{pairs.ratio:.2f}",
            "{:.2f}-{:.2f}".format(*pairs.spread),
            f"{pairs.goal:.2f} {'met' if pairs.met else 'missed'}",
        )
    console.print(table)


def duration(seconds: float) -> str:
    """``9.31 ms`` below a second, ``112.0 s`` above."""
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.1f} s"
