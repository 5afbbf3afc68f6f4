"""Writes a report: the files of each node when it has finished, and the page of the whole run."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.model_config import ObjectChoice
from huberflow.components.contracts.target import Target
from huberflow.components.contracts.validation_findings import ShiftKind, ValidationFindings
from huberflow.pipeline.history.run_history import Run, model_epochs
from huberflow.pipeline.report import (
    page,
    prediction_figures,
    slice_figure,
    slices,
    style,
    training_figure,
)
from huberflow.pipeline.system.atomic_write import written_atomically

_COMPARISONS: Mapping[ShiftKind, str] = {
    "drift": "drift, train rows compared with the last other data",
    "skew": "skew, train rows compared with eval rows",
}

Files = Iterable[tuple[str, str | bytes]]
"""Paths below the report's folder, and contents."""


def write_node(run: Run, node: str, folder: Path) -> None:
    """Writes the files of a node that has finished; none where its artifacts are missing.

    Args:
      run: finished or not.
      node: one that wrote statistics, a schema, anomalies, the record of a training, or an
        evaluation; others have no files.
      folder: the report's folder; made where it is missing.
    """
    for key, files in _OUTPUT_FILES.items():
        writer = run.writer(key)
        for name, content in files(run) if writer and writer.name == node else ():
            _write(folder / name, content)


def write_page(run: Run, folder: Path) -> Path:
    """Writes the page of the whole run, which needs no other file, and returns its path.

    Args:
      run: finished or not; the page says which parts are missing.
      folder: with the files that ``write_node`` wrote.
    """
    path = folder / "report.html"
    _write(path, page.page_html(run, folder))
    return path


def _statistics(run: Run) -> Files:
    html = page.statistics_html(run, "statistics.html.j2")
    if html:
        yield "statistics.html", html


def _schema(run: Run) -> Files:
    artifact = run.artifact("schema")
    path = artifact.uri / artifact_files.SCHEMA if artifact else None
    if path and path.is_file():
        yield artifact_files.SCHEMA, path.read_bytes()


def _anomalies(run: Run) -> Files:
    findings = run.findings()
    if findings:
        yield page.ANOMALIES, findings_text(findings)


def findings_text(findings: ValidationFindings) -> str:
    """Anomalies, drift and skew, a line each."""
    blocks = {
        "compared with the schema": [each.line for each in findings.anomalies] or ["no anomalies"]
    }
    for kind, title in _COMPARISONS.items():
        is_measured = any(shift.kind == kind for shift in findings.shifts)
        none = "no column above its threshold" if is_measured else "nothing to compare with"
        blocks[title] = [shift.line for shift in findings.above_threshold(kind)] or [none]
    return "\n".join(
        "".join(f"{line}\n" for line in [f"{title}:", *(f"  {line}" for line in lines)])
        for title, lines in blocks.items()
    )


def _training(run: Run) -> Files:
    epochs, path = model_epochs(run), run.predictions()
    if epochs:
        yield page.CURVES, style.png(training_figure.training_curves(epochs))
    if path and run.config:
        yield from (_classes if run.config["data"]["classes"] else _numbers)(run, path)


def _numbers(run: Run, path: Path) -> Files:
    target = Target.of(run.config["data"]["label"], run.config["data"]["classes"])
    loss = ObjectChoice.from_json(run.config["training"]["loss"])
    for place, label in enumerate(target.labels, start=1):
        sample = prediction_figures.read_numbers(path, label if target.separate_labels else None)
        suffix = f"_{place}" if target.separate_labels else ""
        figure = prediction_figures.predicted_against_true(sample, label)
        yield page.PREDICTED.format(suffix), style.png(figure)
        figure = prediction_figures.residuals(sample, label, loss)
        yield page.RESIDUALS.format(suffix), style.png(figure)


def _classes(run: Run, path: Path) -> Files:
    sample, classes = prediction_figures.read_classes(path), run.config["data"]["classes"]
    label = run.config["data"]["label"]
    figure = prediction_figures.confusion_matrix(sample, label, classes)
    yield page.CONFUSION, style.png(figure)
    if len(classes) == 2:
        figure = prediction_figures.reliability(sample, label, classes[1])
        yield page.RELIABILITY, style.png(figure)


def _evaluation(run: Run) -> Files:
    report = run.report()
    if report:
        table = slices.slice_table(report)
        yield "slices.csv", table.to_csv()
        yield "slices.json", table.to_json()
    if report and run.config:
        metric = run.evaluation.gate_metric
        direction = run.evaluation.better_direction(metric)
        figure = slice_figure.error_by_slice(report, metric, direction)
        yield page.BY_SLICE, style.png(figure)


_OUTPUT_FILES: Mapping[str, Callable[[Run], Files]] = {
    "statistics": _statistics,
    "schema": _schema,
    "anomalies": _anomalies,
    "model_run": _training,
    "evaluation": _evaluation,
}
"""By the key of the node's output."""


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
