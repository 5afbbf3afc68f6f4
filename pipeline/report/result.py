"""What came out of a run: how good the model is, whether it was blessed, where it lies."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.validation import validation_findings
from huberflow.pipeline.history.metadata_store import Execution
from huberflow.pipeline.report import words
from huberflow.pipeline.report.metric_direction import Goal, cost, goal

SMALLEST_SLICE = 30
"""A slice of fewer rows is never called the worst: its mean says little."""

MOST_LINES = 5
"""Of anomalies, of drift and of skew."""


@dataclass(frozen=True)
class Result:
    """A finished run in a few numbers; see ``evaluation_report`` for the report."""

    report: Mapping[str, Any]
    pushed: Path | None
    anomalies: Sequence[str]
    """A line each, of what does not fit the schema."""
    drift: Sequence[str] = ()
    """A line for each column that changed since the last other data; where that is news."""
    skew: Sequence[str] = ()
    """A line for each column whose train and eval rows differ; where that is news."""

    @property
    def blessed(self) -> bool:
        """Whether the model met its gate."""
        return bool(self.report["blessed"])

    @property
    def overall(self) -> Mapping[str, Any]:
        """The row of all eval examples."""
        return next(row for row in self.report["slices"] if not row["slice"])

    def worst_slice(self, metric: str, goal: Goal | None) -> Mapping[str, Any] | None:
        """The slice of at least ``SMALLEST_SLICE`` rows with the worst value of a metric.

        One over which the metric is not defined is none.
        """
        large = [
            row
            for row in self.report["slices"]
            if row["slice"]
            and row["candidate"]["example_count"] >= SMALLEST_SLICE
            and not math.isnan(row["candidate"][metric])
        ]
        return max(large, key=lambda row: cost(goal, row["candidate"][metric]), default=None)


def read(run: Mapping[str, Execution]) -> Result:
    """The result of a run whose nodes have all finished."""
    evaluation = run[node_ids.EVALUATOR].output("evaluation").uri
    validator = run[node_ids.EXAMPLE_VALIDATOR]
    found = validation_findings.read(validator.output("anomalies").uri)
    news = found["shifts"] if validator.state == "ran" else []
    return Result(
        report=json.loads((evaluation / artifact_files.REPORT).read_text()),
        pushed=_pushed_to(run[node_ids.PUSHER]) if node_ids.PUSHER in run else None,
        anomalies=[validation_findings.anomaly_line(anomaly) for anomaly in found["anomalies"]],
        drift=validation_findings.high("drift", news),
        skew=validation_findings.high("skew", news),
    )


def _pushed_to(pusher: Execution) -> Path | None:
    pushed = pusher.output("pushed_model").properties
    return Path(pushed["pushed_destination"]) if pushed["pushed"] else None


def show(console: Console, result: Result, evaluation: Mapping[str, Any]) -> None:
    """The table at the end of a run.

    Args:
      console: where to.
      result: of the run.
      evaluation: of the run's config, plain JSON; the gate's first metric names the worst slice.
    """
    gate_metric = evaluation["gate"][0]["metric"]
    console.print(_metrics_table(result))
    worst = result.worst_slice(gate_metric, goal(evaluation, gate_metric))
    if worst is not None:
        slice_ = ", ".join(f"{column}={value}" for column, value in worst["slice"].items())
        where = " ".join(slice_.split())  # a category may hold line breaks
        candidate = worst["candidate"]
        console.print(
            f"worst slice   {where}: {gate_metric} {candidate[gate_metric]:.4g} "
            f"over {candidate['example_count']:.0f} rows",
            highlight=False,
            markup=False,
        )
    if result.report["set_aside"]:
        told = f"the last blessed model, for {result.report['set_aside']}"
        console.print(Text(f"{'set aside':14}{told}", "yellow"), soft_wrap=True)
    for name in ("anomalies", "drift", "skew"):
        _show_some(console, name, getattr(result, name))
    if result.blessed:
        console.print("blessed       [green]yes[/]", highlight=False)
    for number, why in enumerate(result.report["reasons"]):
        console.print(Text(f"{'not blessed' if number == 0 else '':14}{why}", "red"))
    console.print(Text(f"{'pushed':14}{_pushed(result)}"), soft_wrap=True)


def _show_some(console: Console, name: str, lines: Sequence[str]) -> None:
    more = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *([f"and {more} more, in the report"] if more > 0 else [])]
    for number, line in enumerate(shown):
        console.print(Text(f"{'' if number else name:14}{line}", "yellow"), soft_wrap=True)


def _metrics_table(result: Result) -> Table:
    candidate, baseline = result.overall["candidate"], result.overall["baseline"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("metric", "this model", "last blessed", "change"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric in result.report["metrics"]:
        value, before = candidate[metric], (baseline or {}).get(metric)
        table.add_row(
            metric,
            words.metric(metric, value),
            words.metric(metric, before),
            words.change(value, before),
        )
    return table


def _pushed(result: Result) -> str:
    if result.pushed is None:
        return "nothing; what serves now is unchanged"
    path = from_here(result.pushed)
    if not result.pushed.exists():
        return f"{path} by an earlier run, but deleted since; write: --no-cache"
    names = [version.name for version in result.pushed.parent.iterdir()]
    newest = max(int(name) for name in names if name.isdecimal())
    if newest > int(result.pushed.name):
        return f"{path} by an earlier run; version {newest} is newer and serves"
    return path


def from_here(path: Path) -> str:
    """A path as one would type it: relative where it lies below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
