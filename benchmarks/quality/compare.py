"""Errors of huberflow's defaults against those of scikit-learn's trees, table by table."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table as PrintedTable

from benchmarks.harness import console, duration, verdict
from benchmarks.quality import models
from benchmarks.quality.models import Score
from benchmarks.quality.tables import HELD_OUT, TABLES

MEAN_GOAL, WORST_GOAL = 1.0, 1.25
"""Huberflow's error divided by the better of the two others': the mean, and the most."""


@dataclass(frozen=True)
class Comparison:
    """The scores on one table, by contender, one for each seed."""

    name: str
    rows: int
    measure: str
    scores: Mapping[str, Sequence[Score]]

    def error(self, contender: str) -> float:
        """The mean error over the seeds."""
        return statistics.fmean(score.error for score in self.scores[contender])

    def seconds(self, contender: str) -> float:
        """The median over the seeds."""
        return statistics.median(score.seconds for score in self.scores[contender])

    @property
    def ratio(self) -> float:
        """Huberflow's error divided by that of the better tree model; below 1 is better."""
        return self.error("huberflow") / min(self.error("boosting"), self.error("forest"))


def run(seeds: int, names: Iterable[str] = TABLES) -> None:
    """Compares the models on each table, and prints the errors and how they relate."""
    compared = []
    for name in names:
        given = models.problem(TABLES[name])
        scores = {
            contender: [models.score(contender, given, seed) for seed in range(seeds)]
            for contender in models.CONTENDERS
        }
        measure = "log loss" if given.config.data.classes else "mean error"
        compared.append(Comparison(name, len(given.rows), measure, scores))
        console.print(f"{name}: ratio {compared[-1].ratio:.2f}")
    show(compared)


def show(compared: Sequence[Comparison]) -> None:
    """Prints a row for each table, and whether the goals are met."""
    table = PrintedTable(title="Defaults on real tables; * held out", title_justify="left")
    for heading in ("table", "rows", "error", *models.CONTENDERS, "ratio", "seconds"):
        justify = "left" if heading in ("table", "error") else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for each in compared:
        table.add_row(
            each.name + ("*" if each.name in HELD_OUT else ""),
            f"{each.rows:,}",
            each.measure,
            *(f"{each.error(contender):,.4g}" for contender in models.CONTENDERS),
            f"{each.ratio:.2f}",
            " / ".join(duration(each.seconds(contender)) for contender in models.CONTENDERS),
        )
    console.print(table)
    for group, ratios in _groups(compared):
        mean, most = statistics.geometric_mean(ratios), max(ratios)
        console.print(
            f"{group}: geometric mean {mean:.3f}, goal {MEAN_GOAL} {verdict(mean <= MEAN_GOAL)}; "
            f"most {most:.2f}, goal {WORST_GOAL} {verdict(most <= WORST_GOAL)}"
        )


def _groups(compared: Sequence[Comparison]) -> Iterable[tuple[str, list[float]]]:
    held_out = [each.ratio for each in compared if each.name in HELD_OUT]
    yield f"{len(compared)} tables", [each.ratio for each in compared]
    if held_out:
        yield f"{len(held_out)} held out", held_out
