"""Writes a report: the files of each node when it has finished, and the page of the whole run."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.contracts.node_config import ObjectChoice
from huberflow.components.contracts.target import Target
from huberflow.pipeline.history.run_history import Run, model_epochs
from huberflow.pipeline.report import (
    class_figures,
    file_names,
    page,
    prediction_figures,
    predictions,
    slice_figure,
    slices,
    statistics,
    style,
    templates,
    training_figure,
)
from huberflow.pipeline.report.anomalies import findings_text
from huberflow.pipeline.report.metric_direction import better_direction
from huberflow.pipeline.system.atomic_write import written_atomically

Files = Iterable[tuple[str, str | bytes]]
"""Paths below the report's folder, and contents."""


def write_node(run: Run, node: str, folder: Path) -> None:
    """Writes the files of a node that has finished; none where its artifacts are missing.

    Args:
      run: finished or not.
      node: StatisticsGen, SchemaGen, ExampleValidator, Trainer or Evaluator; others have no files.
      folder: the report's folder; made where it is missing.
    """
    for name, content in _NODE_FILES[node](run) if node in _NODE_FILES else ():
        _write(folder / name, content)


def write_page(run: Run, folder: Path) -> Path:
    """Writes the page of the whole run, which needs no other file, and returns its path.

    Args:
      run: finished or not; the page says which parts are missing.
      folder: with the files that ``write_node`` wrote.
    """
    path = folder / file_names.PAGE
    _write(path, page.page_html(run, folder))
    return path


def _statistics(run: Run) -> Files:
    artifact = run.artifact(node_ids.STATISTICS_GEN, "statistics")
    columns = statistics.read_statistics(artifact.uri) if artifact else None
    if columns:
        html = templates.render("statistics.html.j2", statistics=columns, run=run)
        yield file_names.STATISTICS, html


def _schema(run: Run) -> Files:
    artifact = run.artifact(node_ids.SCHEMA_GEN, "schema")
    path = artifact.uri / artifact_files.SCHEMA if artifact else None
    if path and path.is_file():
        yield artifact_files.SCHEMA, path.read_bytes()


def _anomalies(run: Run) -> Files:
    findings = run.findings()
    if findings:
        yield file_names.ANOMALIES, findings_text(findings)


def _training(run: Run) -> Files:
    epochs, path = model_epochs(run), run.predictions()
    if epochs:
        yield file_names.CURVES, style.png(training_figure.training_curves(epochs))
    if path:
        yield from (_classes if run.config["data"]["classes"] else _numbers)(run, path)


def _numbers(run: Run, path: Path) -> Files:
    target = Target.of(run.config["data"]["label"], run.config["data"]["classes"])
    loss = ObjectChoice.from_json(run.config["training"]["loss"])
    for place, label in enumerate(target.labels, start=1):
        sample = predictions.read_numbers(path, label if target.separate_labels else None)
        suffix = f"_{place}" if target.separate_labels else ""
        figure = prediction_figures.predicted_against_true(sample, label)
        yield file_names.PREDICTED.format(suffix), style.png(figure)
        figure = prediction_figures.residuals(sample, label, loss)
        yield file_names.RESIDUALS.format(suffix), style.png(figure)


def _classes(run: Run, path: Path) -> Files:
    sample, classes = predictions.read_classes(path), run.config["data"]["classes"]
    label = run.config["data"]["label"]
    figure = class_figures.confusion_matrix(sample, label, classes)
    yield file_names.CONFUSION, style.png(figure)
    if len(classes) == 2:
        figure = class_figures.reliability(sample, label, classes[1])
        yield file_names.RELIABILITY, style.png(figure)


def _evaluation(run: Run) -> Files:
    report = run.report()
    if report:
        table, metric = slices.slice_table(report), run.evaluation.gate_metric
        yield file_names.SLICES_CSV, table.to_csv()
        yield file_names.SLICES_JSON, table.to_json()
        direction = better_direction(run.evaluation, metric)
        figure = slice_figure.error_by_slice(report, metric, direction)
        yield file_names.BY_SLICE, style.png(figure)


_NODE_FILES: Mapping[str, Callable[[Run], Files]] = {
    node_ids.STATISTICS_GEN: _statistics,
    node_ids.SCHEMA_GEN: _schema,
    node_ids.EXAMPLE_VALIDATOR: _anomalies,
    node_ids.TRAINER: _training,
    node_ids.EVALUATOR: _evaluation,
}


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
