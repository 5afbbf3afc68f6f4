"""The files of a report: what each node contributes when it has finished, and the page of all."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from huberflow.components.contracts import artifact_files, node_ids
from huberflow.components.contracts.target import Target
from huberflow.pipeline.history.run_history import Run, curves
from huberflow.pipeline.report.metric_direction import goal
from huberflow.pipeline.system.atomic_write import written_atomically

# Libraries that draw and render are imported where they are used: whoever names a file needs none.

PAGE = "report.html"
STATISTICS = "statistics.html"
SCHEMA = artifact_files.SCHEMA
ANOMALIES = "anomalies.txt"
CURVES = "figures/training_curves.png"
PREDICTED = "figures/predicted_against_true{}.png"  # of several labels, with their places
RESIDUALS = "figures/residuals{}.png"
CONFUSION = "figures/confusion_matrix.png"
RELIABILITY = "figures/reliability.png"
BY_SLICE = "figures/error_by_slice.png"
SLICES_CSV = "slices.csv"
SLICES_JSON = "slices.json"

Files = Iterable[tuple[str, str | bytes]]
"""Paths below the report's folder, and contents."""


def write_node(run: Run, node: str, folder: Path) -> None:
    """Writes what a node that has finished contributes; nothing where its artifacts lack.

    Args:
      run: as far as it went.
      node: StatisticsGen, SchemaGen, ExampleValidator, Trainer or Evaluator; others have nothing.
      folder: of the report; made where it is not there.
    """
    for name, content in _CONTRIBUTIONS.get(node, _nothing)(run):
        _write(folder / name, content)


def write_page(run: Run, folder: Path) -> Path:
    """Writes the one page that tells of the whole run, and needs no other file.

    Args:
      run: finished or not; the page says which parts there are not.
      folder: with what ``write_node`` wrote.

    Returns:
      Path of the page.
    """
    from huberflow.pipeline.report import page

    path = folder / PAGE
    _write(path, page.html(run, folder))
    return path


def _nothing(run: Run) -> Files:
    return ()


def _statistics(run: Run) -> Files:
    from huberflow.pipeline.report import statistics, templates

    artifact = run.artifact(node_ids.STATISTICS_GEN, "statistics")
    found = statistics.read(artifact.uri) if artifact else None
    if found:
        yield STATISTICS, templates.render("statistics.html.j2", statistics=found, run=run)


def _schema(run: Run) -> Files:
    artifact = run.artifact(node_ids.SCHEMA_GEN, "schema")
    path = artifact.uri / SCHEMA if artifact else None
    if path and path.is_file():
        yield SCHEMA, path.read_bytes()


def _anomalies(run: Run) -> Files:
    from huberflow.pipeline.report import anomalies

    found = run.findings()
    if found:
        yield ANOMALIES, anomalies.text(found)


def _training(run: Run) -> Files:
    from huberflow.pipeline.report import style, training_figure

    epochs, path = curves(run), run.predictions()
    if epochs:
        yield CURVES, style.png(training_figure.training_curves(epochs))
    if path:
        yield from (_classes if run.config["data"]["classes"] else _numbers)(run, path)


def _numbers(run: Run, path: Path) -> Files:
    from huberflow.pipeline.report import prediction_figures, predictions, style

    target, loss = Target.of(run.config["data"]), run.config["training"]["loss"]
    for place, label in enumerate(target.labels, start=1):
        sample = predictions.read(path, label if target.parts else None)
        mark = f"_{place}" if target.parts else ""
        drawn = prediction_figures.predicted_against_true(sample, label)
        yield PREDICTED.format(mark), style.png(drawn)
        drawn = prediction_figures.residuals(sample, label, loss)
        yield RESIDUALS.format(mark), style.png(drawn)


def _classes(run: Run, path: Path) -> Files:
    from huberflow.pipeline.report import class_figures, predictions, style

    sample, classes = predictions.read_classes(path), run.config["data"]["classes"]
    label = run.config["data"]["label"]
    yield CONFUSION, style.png(class_figures.confusion_matrix(sample, label, classes))
    if len(classes) == 2:
        second = classes[1]
        yield RELIABILITY, style.png(class_figures.reliability(sample, label, second))


def _evaluation(run: Run) -> Files:
    from huberflow.pipeline.report import slice_figure, slices, style

    report = run.report()
    if report:
        evaluation = run.config["evaluation"]
        metric = evaluation["gate"][0]["metric"]
        table = slices.table(report)
        yield SLICES_CSV, table.to_csv()
        yield SLICES_JSON, table.to_json()
        drawn = slice_figure.error_by_slice(report, metric, goal(evaluation, metric))
        yield BY_SLICE, style.png(drawn)


_CONTRIBUTIONS: Mapping[str, Callable[[Run], Files]] = {
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
