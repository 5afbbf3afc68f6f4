"""The result of a run: how good the model is, whether it was blessed, where it was pushed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.contracts.evaluation_config import Direction, EvaluationConfig
from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.pipeline.history.metadata_store import Execution
from huberflow.pipeline.report import slices
from huberflow.pipeline.report.formatting import format_change, format_metric
from huberflow.pipeline.system.display_path import display_path

MOST_LINES = 5
"""Further anomalies, drift and skew are in the report only."""

NOTHING_PUSHED = "nothing; the served model stays the same"


@dataclass(frozen=True)
class Result:
    """The result of a finished run."""

    report: EvaluationReport
    pushed: Path | None
    """The folder of the pushed version."""
    anomalies: Sequence[str] = ()
    """A line for each anomaly."""
    drift: Sequence[str] = ()
    """A line for each column that drifted; none where the findings are an earlier run's."""
    skew: Sequence[str] = ()
    """The same for skew."""

    def worst_slice(self, metric: str, direction: Direction | None) -> SliceMetrics | None:
        """The slice with the worst value of a metric, if it has enough rows."""
        worst = slices.worst(self.report, metric, direction, most=1)
        return worst[0] if worst and not slices.is_small(worst[0]) else None


def read_result(run: Mapping[str, Execution]) -> Result:
    """The result of a run whose nodes have all finished, by their ids."""
    validator = run[node_ids.EXAMPLE_VALIDATOR]
    findings_file = validator.output("anomalies").uri / artifact_files.FINDINGS
    findings = ValidationFindings.read(findings_file)
    is_new = validator.state == "ran"
    evaluation = run[node_ids.EVALUATOR].output("evaluation").uri
    return Result(
        report=EvaluationReport.read(evaluation / artifact_files.REPORT),
        pushed=_pushed_folder(run[node_ids.PUSHER]) if node_ids.PUSHER in run else None,
        anomalies=[anomaly.line for anomaly in findings.anomalies],
        drift=[shift.line for shift in findings.above_threshold("drift") if is_new],
        skew=[shift.line for shift in findings.above_threshold("skew") if is_new],
    )


def _pushed_folder(pusher: Execution) -> Path | None:
    pushed = pusher.output("pushed_model").properties
    return Path(str(pushed["pushed_destination"])) if pushed["pushed"] else None


def print_result(console: Console, result: Result, evaluation: EvaluationConfig) -> None:
    """Prints the table at the end of a run, with the worst slice by the gate's metric."""
    report, gate_metric = result.report, evaluation.gate_metric
    console.print(_metrics_table(report))
    worst = result.worst_slice(gate_metric, evaluation.better_direction(gate_metric))
    if worst is not None:
        name = " ".join(worst.name.split())  # a category may have line breaks
        console.print(
            f"worst slice   {name}: {gate_metric} {worst.candidate[gate_metric]:.4g} "
            f"over {worst.example_count} rows",
            highlight=False,
            markup=False,
        )
    if report.baseline_dropped:
        line = f"{'dropped':14}the last blessed model: {report.baseline_dropped}"
        console.print(Text(line, "yellow"), soft_wrap=True)
    for name in ("anomalies", "drift", "skew"):
        _print_some(console, name, getattr(result, name))
    print_verdict(console, report)
    console.print(Text(f"{'pushed':14}{_pushed_text(result.pushed)}"), soft_wrap=True)


def print_verdict(console: Console, report: EvaluationReport) -> None:
    """Prints whether the model was blessed; if not, each reason that the Evaluator gave."""
    if report.blessed:
        console.print("blessed       [green]yes[/]", highlight=False)
        return
    for number, reason in enumerate(report.reasons or ["the Evaluator gave no reason"]):
        console.print(Text(f"{'' if number else 'not blessed':14}{reason}", "red"))


def print_line(console: Console, label: str, value: str) -> None:
    """Prints one line of a summary."""
    console.print(f"{label:14}{value}", soft_wrap=True, highlight=False, markup=False)


def _print_some(console: Console, name: str, lines: Sequence[str]) -> None:
    more = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *([f"and {more} more, in the report"] if more > 0 else [])]
    for number, line in enumerate(shown):
        console.print(Text(f"{'' if number else name:14}{line}", "yellow"), soft_wrap=True)


def _metrics_table(report: EvaluationReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    constant = [report.constant] if report.constant else []
    for name in ("metric", "this model", "last blessed", "change", *constant):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric in report.metrics:
        value, before = report.overall.values(metric)
        shown, shown_before = (format_metric(metric, each) for each in (value, before))
        of_constant = [format_metric(metric, report.overall.of_constant(metric)) for _ in constant]
        table.add_row(metric, shown, shown_before, format_change(value, before), *of_constant)
    return table


def _pushed_text(folder: Path | None) -> str:
    if folder is None:
        return NOTHING_PUSHED
    path = display_path(folder)
    if not folder.exists():
        return f"{path} by an earlier run, but deleted since; write: --no-cache"
    names = [version.name for version in folder.parent.iterdir()]
    newest = max(int(name) for name in names if name.isdecimal())
    if newest > int(folder.name):
        return f"{path} by an earlier run; version {newest} is newer and serves"
    return path
