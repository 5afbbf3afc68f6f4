"""The page of a run: everything about it, in one file that needs no other."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from huberflow.components.contracts import node_ids
from huberflow.pipeline.config import paths_of
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.report import files, slices, statistics, templates
from huberflow.pipeline.report.words import NOTHING, change, number

MOST_SLICES = 200
"""More rows than this stand in the CSV file only."""

MOST_STATISTICS = 1_000_000
"""Characters; statistics that need more stay in their own file, and the page below 2 MB."""

FIGURES: Mapping[str, str] = {
    files.CURVES: "Loss and metrics per epoch of training.",
    files.PREDICTED: "A sample of the eval rows: each point is a row, and on the dashed line the "
    "prediction is right.",
    files.RESIDUALS: "How far the predictions are off, in the same sample.",
    files.CONFUSION: "A sample of the eval rows: how many of each class are taken for which.",
    files.RELIABILITY: "In the same sample: of rows with one probability, so many should be of the "
    "class.",
    files.BY_SLICE: "The gate's first metric by slice, on all eval rows.",
}


@dataclass(frozen=True)
class Figure:
    """A picture, as the page holds it."""

    caption: str
    source: str
    """A ``data:`` address."""


@dataclass(frozen=True)
class Cell:
    """A metric of this model beside the last blessed one's, as texts."""

    metric: str
    value: str
    before: str
    change: str


@dataclass(frozen=True)
class SliceRow:
    """One slice: its name, its size, a cell for each metric."""

    name: str
    size: int
    cells: Sequence[Cell]


def html(run: Run, folder: Path) -> str:
    """The page.

    Args:
      run: finished or not.
      folder: with the figures and the anomalies, where they are.
    """
    report = run.report()
    rows = slices.ordered(report["slices"]) if report else []
    metrics = slices.measures(report) if report else []
    table = [SliceRow(slices.name(row), slices.size(row), _cells(row, metrics)) for row in rows]
    changes, data = run.metadata.changes, run.config.get("data", {})
    return templates.render(
        "report.html.j2",
        run=run,
        report=report,
        started=datetime.fromtimestamp(run.started, UTC),
        seconds=None if run.ended is None else run.ended - run.started,
        failed=[node for node in run.nodes.values() if node.state == "failed"],
        paths=list(paths_of(data).values()),
        weight=data.get("weight"),
        overall=table[0] if rows and not rows[0]["slice"] else None,
        slices=table[:MOST_SLICES],
        slices_left_out=len(table[MOST_SLICES:]),
        metrics=metrics,
        figures=list(_figures(folder)),
        memory={node.name: _memory(node) for node in run.nodes.values()},
        changes=_yaml(changes) if changes else None,
        git=run.metadata.git,
        config=_yaml(run.config),
        statistics=_statistics(run),
        anomalies=_text(folder / files.ANOMALIES),
    )


def _cells(row: slices.Row, metrics: Sequence[str]) -> list[Cell]:
    now, before = row["candidate"], row["baseline"] or {}
    return [
        Cell(m, number(now.get(m)), number(before.get(m)), change(now.get(m), before.get(m)))
        for m in metrics
    ]


def _figures(folder: Path) -> list[Figure]:
    return [
        Figure(caption, "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode())
        for name, caption in FIGURES.items()
        for path in sorted(folder.glob(name.format("*")))
    ]


def _memory(node: Node) -> str:
    peak = node.usage.get("peak_memory_mb")
    return NOTHING if peak is None else f"{peak:,.0f} MB"


def _statistics(run: Run) -> str | None:
    """HTML; empty where it is too long for the page, none where there is none."""
    artifact = run.artifact(node_ids.STATISTICS_GEN, "statistics")
    found = statistics.read(artifact.uri) if artifact else None
    if found is None:
        return None
    part = templates.render("_statistics.html.j2", statistics=found)
    return part if len(part) <= MOST_STATISTICS else ""


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _yaml(values: Any) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
