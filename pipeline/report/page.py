"""The page of a run: everything about it, in one file that needs no other file."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import jinja2
import yaml

from huberflow.components.contracts.target import Target
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config import paths_of
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.report import formatting, slices, statistics
from huberflow.pipeline.report.class_table import ClassRow, class_table

MOST_SLICES = 200
"""Further rows are in the CSV file only."""

MOST_IMPORTANT = 20
"""Columns whose importance is shown."""

MOST_STATISTICS = 1_000_000
"""Characters; longer statistics are in their own file only, so that the page stays below 2 MB."""

ANOMALIES = "anomalies.txt"
CURVES = "figures/training_curves.png"
PREDICTED = "figures/predicted_against_true{}.png"
"""Of several labels, each has its place in the name."""
RESIDUALS = "figures/residuals{}.png"
CONFUSION = "figures/confusion_matrix.png"
RELIABILITY = "figures/reliability.png"
BY_SLICE = "figures/error_by_slice.png"

FIGURES: Mapping[str, str] = {
    CURVES: "Loss and metrics per epoch of training.",
    PREDICTED: "A sample of the eval rows: each point is a row, and on the dashed line "
    "the prediction is right.",
    RESIDUALS: "How far the predictions are off, in the same sample.",
    CONFUSION: "A sample of the eval rows: how many of each class are predicted as which.",
    RELIABILITY: "In the same sample: the share of rows that are of the class, by their "
    "probability.",
    BY_SLICE: "The gate's first metric by slice, on all eval rows.",
}


def page_html(run: Run, folder: Path) -> str:
    """The page as HTML.

    Args:
      run: finished or not.
      folder: with the figures and the anomalies that have been written.
    """
    report = run.report()
    rows = slices.ordered(report.slices) if report else []
    statistics_part = statistics_html(run, "_statistics.html.j2")
    if statistics_part and len(statistics_part) > MOST_STATISTICS:
        statistics_part = ""
    anomalies = folder / ANOMALIES
    changes, data = run.metadata.changes, run.config.get("data", {})
    return _render(
        "report.html.j2",
        run=run,
        title=_title(run),
        report=report,
        started=datetime.fromtimestamp(run.started, UTC),
        seconds=run.seconds,
        paths=list(paths_of(data).values()),
        weight=data.get("weight"),
        slices=rows[:MOST_SLICES],
        slices_left_out=len(rows[MOST_SLICES:]),
        metrics=slices.metrics_without_count(report) if report else [],
        classes=_classes(run),
        threshold=run.threshold(),
        importance=run.importance(),
        most_important=MOST_IMPORTANT,
        left_out=data.get("left_out") or {},
        figures=_figures(folder),
        changes=_yaml(changes) if changes else None,
        git=run.metadata.git,
        config=_yaml(run.config),
        statistics=statistics_part,
        anomalies=anomalies.read_text(encoding="utf-8") if anomalies.is_file() else None,
    )


def _title(run: Run) -> str:
    """The model, the label and the data; the name of the run where its config is unknown."""
    data = run.config.get("data")
    if not data or "name" not in run.config:
        return run.name
    label = Target.of(data["label"], ()).name
    files = " and ".join(Path(path).name for path in paths_of(data).values())
    return f"{run.config['name']}: {label} from {files or 'the Chicago Taxi trips'}"


def _classes(run: Run) -> list[ClassRow]:
    """How well each class is recognised; none for numbers, and before training has ended."""
    path, classes = run.predictions(), run.config.get("data", {}).get("classes")
    return class_table(path, classes) if path and classes else []


def _figures(folder: Path) -> list[tuple[str, str]]:
    """The caption and the ``data:`` address of each picture."""
    return [
        (caption, "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode())
        for name, caption in FIGURES.items()
        for path in sorted(folder.glob(name.format("*")))
    ]


def statistics_html(run: Run, template: str) -> str | None:
    """Statistics of the data as HTML; None without any."""
    artifact = run.artifact("statistics")
    columns = statistics.read_statistics(artifact.uri) if artifact else None
    return _render(template, statistics=columns, run=run) if columns else None


def _yaml(values: Mapping[str, JSON]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _render(template: str, **values: object) -> str:
    """A template filled with these values, escaped; a missing value is an error."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("huberflow.pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": formatting.format_number,
        "duration": formatting.format_duration,
        "count": formatting.format_count,
        "rows": formatting.format_rows,
        "change": formatting.format_change,
        "memory": formatting.format_memory,
    }
    return environment
