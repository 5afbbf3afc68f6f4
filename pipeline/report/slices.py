"""The Evaluator's report as a table: a row per slice."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huberflow.pipeline.report.metric_direction import Goal, cost
from huberflow.pipeline.report.result import SMALLEST_SLICE

Report = Mapping[str, Any]
"""See ``huberflow.components.evaluation.evaluation_report.report``."""
Row = Mapping[str, Any]
"""One slice of a report."""


def name(row: Row) -> str:
    """``all rows``, or ``payment_type=Cash, trip_start_hour=7``."""
    return ", ".join(f"{column}={value}" for column, value in row["slice"].items()) or "all rows"


def size(row: Row) -> int:
    """Number of examples."""
    return round(row["candidate"]["example_count"])


def is_small(row: Row) -> bool:
    """Whether it has so few rows that its mean says little."""
    return size(row) < SMALLEST_SLICE


def overall(report: Report) -> Row | None:
    """The row of all examples."""
    return next((row for row in report["slices"] if not row["slice"]), None)


def measures(report: Report) -> list[str]:
    """Keys of the metrics, without the number of rows."""
    return [metric for metric in report["metrics"] if metric != "example_count"]


def ordered(rows: Iterable[Row]) -> list[Row]:
    """All examples first, then by column and value; hour 2 stands before hour 10."""

    def key(row: Row) -> list[tuple[str, bool, Any]]:
        return [(column, isinstance(value, str), value) for column, value in row["slice"].items()]

    return sorted(rows, key=key)


def worst(report: Report, metric: str, goal: Goal | None, most: int) -> list[Row]:
    """Slices with the worst values of a metric, the worst first.

    Small slices come in only where the large ones leave room: chance decides theirs. A slice
    without a finite value is left out.
    """

    def badness(row: Row) -> float:
        return cost(goal, row["candidate"].get(metric, math.nan))

    found = [row for row in report["slices"] if row["slice"] and math.isfinite(badness(row))]
    chosen = sorted(found, key=lambda row: (is_small(row), -badness(row)))[:most]
    return sorted(chosen, key=badness, reverse=True)


@dataclass(frozen=True)
class Table:
    """Columns by name, and rows of values in their order."""

    columns: Sequence[str]
    data: Sequence[Sequence[Any]]

    def to_csv(self) -> str:
        """With a header line."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *self.data])
        return text.getvalue()

    def to_json(self) -> str:
        """As MLflow keeps tables; what is not finite is null, for JSON has no NaN."""
        data = [[_finite(value) for value in row] for row in self.data]
        return json.dumps({"columns": self.columns, "data": data})


def table(report: Report) -> Table:
    """A row per slice: its name, its size, its metrics, and the baseline's."""
    metrics = measures(report)
    columns = ["slice", "example_count", *metrics, *(f"baseline_{metric}" for metric in metrics)]
    data = [
        [
            name(row),
            size(row),
            *(values.get(metric) for values in _models(row) for metric in metrics),
        ]
        for row in ordered(report["slices"])
    ]
    return Table(columns, data)


def _models(row: Row) -> tuple[Mapping[str, float], Mapping[str, float]]:
    return row["candidate"], row["baseline"] or {}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
