"""The slices of a report: in order, the worst of them, and all as a table."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from huberflow.components.contracts import strict_json
from huberflow.components.contracts.evaluation_config import Direction
from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.pipeline.report.metric_direction import badness

SMALLEST_SLICE = 30
"""A slice of fewer rows is never called the worst: its mean is little evidence."""


def is_small(row: SliceMetrics) -> bool:
    """Whether a slice is known to have fewer than ``SMALLEST_SLICE`` rows."""
    return row.example_count is not None and row.example_count < SMALLEST_SLICE


def metrics_without_count(report: EvaluationReport) -> list[str]:
    """The keys of the metrics, without the number of rows."""
    return [metric for metric in report.metrics if metric != "example_count"]


def ordered(rows: Iterable[SliceMetrics]) -> list[SliceMetrics]:
    """All rows first, then slices by column and value; hour 2 stands before hour 10."""

    def key(row: SliceMetrics) -> list[tuple[str, bool, str | float]]:
        return [(column, isinstance(value, str), value) for column, value in row.slice.items()]

    return sorted(rows, key=key)


def worst(
    report: EvaluationReport, metric: str, direction: Direction | None, most: int
) -> list[SliceMetrics]:
    """Slices with the worst values of a metric, the worst first.

    Small slices are included only where the large ones leave room: their values are mostly chance.
    A slice without a finite value is left out.
    """

    def value(row: SliceMetrics) -> float:
        return badness(direction, row.candidate.get(metric, math.nan))

    finite = [row for row in report.slices if row.slice and math.isfinite(value(row))]
    chosen = sorted(finite, key=lambda row: (is_small(row), -value(row)))[:most]
    return sorted(chosen, key=value, reverse=True)


@dataclass(frozen=True)
class SliceTable:
    """A row of values for each slice, in the order of the columns."""

    columns: Sequence[str]
    data: Sequence[Sequence[str | float | None]]

    def to_csv(self) -> str:
        """The table as CSV with a header line."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.data])
        return text.getvalue()

    def to_json(self) -> str:
        """The table as MLflow stores tables."""
        return strict_json.dumps(asdict(self))


def slice_table(report: EvaluationReport) -> SliceTable:
    """Each slice's name, its number of rows, its metrics, and the baseline's."""
    metrics = metrics_without_count(report)
    columns = ["slice", "example_count", *metrics, *(f"baseline_{metric}" for metric in metrics)]
    data = [
        [
            row.name,
            row.example_count,
            *(row.values(metric)[0] for metric in metrics),
            *(row.values(metric)[1] for metric in metrics),
        ]
        for row in ordered(report.slices)
    ]
    return SliceTable(columns, data)
