"""The metrics of a run and its nodes, as a tracking server records them."""

from collections.abc import Iterator, Sequence

from huberflow.components.contracts import node_ids
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.run_history import Epoch, Node, Run
from huberflow.pipeline.tracking.params import shortened
from huberflow.pipeline.tracking.tracker import MetricValue


def resource_metrics(node: Node, prefix: str) -> Iterator[MetricValue]:
    """The seconds of a finished node, whether its result was reused, and the resources it used."""
    yield MetricValue(f"{prefix}seconds", node.seconds or 0.0, node.ended)
    yield MetricValue(f"{prefix}cached", float(node.state == "cached"), node.ended)
    for name, value in node.usage.items():
        yield MetricValue(f"{prefix}{name}", value, node.ended)


def model_metrics(run: Run, node: Node) -> Iterator[MetricValue]:
    """What a node measured of the model: training curves, or metrics over all eval rows."""
    if node.name == node_ids.TRAINER:
        yield from epoch_metrics(run_history.model_epochs(run))
    report = run.report() if node.name == node_ids.EVALUATOR else None
    if report is not None:
        groups = {"evaluation": report.overall.candidate, "baseline": report.overall.baseline}
        for group, values in groups.items():
            for key, value in (values or {}).items():
                yield MetricValue(shortened(f"{group}/{key}"), value, node.ended)


def data_metrics(run: Run, node: Node) -> Iterator[MetricValue]:
    """What a node measured of the data: drift and skew of each column."""
    findings = run.findings() if node.name == node_ids.EXAMPLE_VALIDATOR else None
    for shift in findings.shifts if findings else ():
        yield MetricValue(shortened(f"{shift.kind}/{shift.column}"), shift.value, node.ended)


def epoch_metrics(epochs: Sequence[Epoch]) -> Iterator[MetricValue]:
    """The values of each epoch, with its number as the step."""
    for epoch in epochs:
        for name, value in epoch.values.items():
            yield MetricValue(shortened(f"training/{name}"), value, epoch.ended, epoch.number)
