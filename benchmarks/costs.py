"""The cost of each node of a run, fixed and per row; in one process and in several.

Rows are compared by CPU seconds, which other work on the machine hardly changes. All runs train for
the same number of epochs.
"""

import os
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from benchmarks import harness, many_trips
from benchmarks.harness import (
    Pairs,
    console,
    duration,
    huberflow,
    only_run,
    temporary_folder,
    timed,
    warm_up,
)
from huberflow.pipeline.history.run_history import Node, Run

COPIES = (10, 40, 100)
ONE, SEVERAL = "one process", f"{os.cpu_count()} processes"
MODES = {
    ONE: "{direct_running_mode: in_memory}",
    SEVERAL: f"{{direct_running_mode: multi_processing, direct_num_workers: {os.cpu_count()}}}",
}
TRAINING = ("training.epochs=3", "training.early_stopping_patience=null")

STAGES = ("ExampleGen", "StatisticsGen", "Transform", "Trainer", "Evaluator", "ServingExport")
REST = "all else"
"""Imports, the profile of the data, tracking, small nodes."""


@dataclass(frozen=True)
class Cost:
    """What a stage used."""

    cpu: float
    """CPU seconds of all its processes."""
    seconds: float
    memory: float = 0.0
    """The peak, in megabytes."""
    written: int = 0
    """Bytes on disk."""


@dataclass(frozen=True)
class Costs:
    """A whole run, and its stages by name."""

    rows: int
    whole: Cost
    stages: Mapping[str, Cost]


def run(times: int) -> None:
    """Measures runs of each size in each mode in turn, and prints the results.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    measured: dict[str, list[Costs]] = {mode: [] for mode in MODES}
    for data, rows in many_trips.files(COPIES):
        for mode in [*MODES] * times:
            with temporary_folder() as folder:
                costs = costs_of_run(data, rows, mode, folder / "run")
            measured[mode].append(costs)
            took = f"{duration(costs.whole.seconds)}, {duration(costs.whole.cpu)} of CPU"
            console.print(f"{rows:,} rows in {mode}: {took}")
    show(measured)


def costs_of_run(data: Path, rows: int, mode: str, workspace: Path) -> Costs:
    """The costs of a run in a new workspace."""
    settings = (f"beam.options={MODES[mode]}", *TRAINING)
    before = _children_cpu_seconds()
    command = huberflow("run", workspace, *settings, data=data)
    seconds = timed(command, workspace.with_suffix(".log"))
    whole = Cost(_children_cpu_seconds() - before, seconds)
    return Costs(rows, whole, _stages(only_run(workspace), whole))


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _stages(run: Run, whole: Cost) -> dict[str, Cost]:
    nodes = {name: _node_cost(run.nodes[name]) for name in STAGES}
    rest = Cost(
        whole.cpu - sum(cost.cpu for cost in nodes.values()),
        whole.seconds - sum(cost.seconds for cost in nodes.values()),
    )
    return {**nodes, REST: rest}


def _node_cost(node: Node) -> Cost:
    outputs = node.execution.outputs.values() if node.execution else ()
    folders = [artifact.uri for artifacts in outputs for artifact in artifacts]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return Cost(
        node.usage["cpu_seconds"],
        node.seconds or 0.0,
        node.usage["peak_memory_mb"],
        sum(file.stat().st_size for file in files),
    )


def show(measured: Mapping[str, Sequence[Costs]]) -> None:
    """Prints a row for each stage, by mode, and one process against several."""
    for mode, runs in measured.items():
        console.print(_table(f"Stages, in {mode}", runs))
    seconds: dict[int, list[tuple[float, float]]] = {}
    for one, several in zip(measured[ONE], measured[SEVERAL], strict=True):
        seconds.setdefault(one.rows, []).append((one.whole.seconds, several.whole.seconds))
    pairs = [Pairs(f"{rows:,} rows", 1.0, times) for rows, times in seconds.items()]
    harness.show("Whole runs", pairs, (ONE, SEVERAL))


def _table(title: str, runs: Sequence[Costs]) -> Table:
    """Each stage's fixed cost, its cost per million rows, and its memory by size."""
    table = Table(title=title, title_justify="left")
    table.add_column("stage", no_wrap=True)
    for heading in ("fixed CPU", "CPU per 10⁶", "time per 10⁶", "bytes per row", "memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [run.rows for run in runs]
    for name in runs[0].stages:
        costs = [run.stages[name] for run in runs]
        fixed, cpu = _line(rows, [cost.cpu for cost in costs])
        _, seconds = _line(rows, [cost.seconds for cost in costs])
        _, written = _line(rows, [cost.written for cost in costs])
        table.add_row(
            name,
            f"{fixed:.1f} s",
            f"{cpu * 1e6:.1f} s",
            f"{seconds * 1e6:.1f} s",
            f"{written:,.0f}",
            f"{costs[0].memory:,.0f} to {costs[-1].memory:,.0f} MB",
        )
    return table


def _line(rows: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """The intercept and the slope of the straight line through the values."""
    slope, start = np.polyfit(rows, values, 1)
    return float(start), float(slope)
