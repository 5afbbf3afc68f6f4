"""What a run measures, as points of metrics."""

from collections.abc import Iterator, Sequence

from huberflow.components.contracts import node_ids
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.run_history import Epoch, Node, Run
from huberflow.pipeline.tracking.params import shortened
from huberflow.pipeline.tracking.port import Point


def costs(node: Node, prefix: str) -> Iterator[Point]:
    """What a finished node took: seconds, whether it was reused, and what it used."""
    ended = node.started + (node.seconds or 0.0)
    yield Point(f"{prefix}seconds", node.seconds or 0.0, ended)
    yield Point(f"{prefix}cached", float(node.state == "cached"), ended)
    for name, value in node.usage.items():
        yield Point(f"{prefix}{name}", value, ended)


def results(run: Run, node: Node) -> Iterator[Point]:
    """What a node found out of the model: curves, metrics over all rows."""
    if node.name == node_ids.TRAINER:
        yield from curves(run_history.curves(run))
    ended = node.started + (node.seconds or 0.0)
    report = run.report() if node.name == node_ids.EVALUATOR else None
    if report is not None:
        overall = next(row for row in report["slices"] if not row["slice"])
        for group, model in (("evaluation", "candidate"), ("baseline", "baseline")):
            for key, value in (overall[model] or {}).items():
                yield Point(shortened(f"{group}/{key}"), value, ended)


def shifts(run: Run, node: Node) -> Iterator[Point]:
    """What a node found out of the data: drift and skew of each column."""
    ended = node.started + (node.seconds or 0.0)
    found = run.findings() if node.name == node_ids.EXAMPLE_VALIDATOR else None
    for shift in found["shifts"] if found else []:
        yield Point(shortened(f"{shift['kind']}/{shift['column']}"), shift["value"], ended)


def curves(epochs: Sequence[Epoch]) -> Iterator[Point]:
    """The values of each epoch, with its number as the step."""
    for epoch in epochs:
        for name, value in epoch.values.items():
            yield Point(shortened(f"training/{name}"), value, epoch.ended, epoch.number)
