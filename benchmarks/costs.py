"""The cost of each node of a run, fixed and per row; in one process and in several.

Rows are compared by CPU seconds, which other work on the machine hardly changes. All runs train for
the same number of epochs.
"""

import os
import resource
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import many_trips
from benchmarks.pairs import Pairs, duration
from benchmarks.pairs import show as show_pairs
from benchmarks.processes import huberflow, timed, warm_up
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.run_history import Node, Run
from huberflow.pipeline.history.workspace import Workspace

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


def run(times: int, console: Console) -> None:
    """Measures runs of each size in each mode, and prints the results."""
    show(measure(times, console), console)


def measure(times: int, console: Console) -> dict[str, list[Costs]]:
    """Runs by mode, in turn; prints each run as it ends.

    Raises:
      click.ClickException: a run failed; its last lines of output are printed.
    """
    warm_up()
    found: dict[str, list[Costs]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        for copies in COPIES:
            data, rows = Path(folder) / "trips.csv", copies * many_trips.ROWS
            many_trips.write(data, copies)
            for mode in [*MODES] * times:
                with tempfile.TemporaryDirectory(dir=folder) as temporary:
                    costs = costs_of_run(data, rows, mode, Path(temporary) / "run")
                found[mode].append(costs)
                took = f"{duration(costs.whole.seconds)}, {duration(costs.whole.cpu)} of CPU"
                console.print(f"{rows:,} rows in {mode}: {took}")
    return found


def costs_of_run(data: Path, rows: int, mode: str, workspace: Path) -> Costs:
    """The costs of a run in a new workspace."""
    settings = (f"beam.options={MODES[mode]}", *TRAINING)
    command = [*huberflow("run", workspace, *settings), "--data", str(data), "--label", "fare"]
    before = _children_cpu_seconds()
    seconds = timed(command, workspace.with_suffix(".log"))
    whole = Cost(_children_cpu_seconds() - before, seconds)
    (run,) = run_history.all_runs(Workspace.at(workspace), _refuse)
    return Costs(rows, whole, _stages(run, whole))


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _refuse(problem: str) -> None:
    raise click.ClickException(problem)


def _stages(run: Run, whole: Cost) -> dict[str, Cost]:
    nodes = {name: _node_cost(run.nodes[name]) for name in STAGES}
    rest = Cost(
        whole.cpu - sum(cost.cpu for cost in nodes.values()),
        whole.seconds - sum(cost.seconds for cost in nodes.values()),
    )
    return {**nodes, REST: rest}


def _node_cost(node: Node) -> Cost:
    outputs = node.execution.outputs.values() if node.execution else ()
    return Cost(
        node.usage["cpu_seconds"],
        node.seconds or 0.0,
        node.usage["peak_memory_mb"],
        sum(_bytes(artifact.uri) for artifacts in outputs for artifact in artifacts),
    )


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def show(found: Mapping[str, Sequence[Costs]], console: Console) -> None:
    """Prints a row for each stage, by mode, and one process against several."""
    for mode, runs in found.items():
        console.print(_table(f"Stages, in {mode}", runs))
    pairs = [
        Pairs(f"{rows:,} rows", 1.0, *(_seconds(found[mode], rows) for mode in MODES))
        for rows in dict.fromkeys(run.rows for run in found[ONE])
    ]
    show_pairs("Whole runs", pairs, console, (ONE, SEVERAL))


def _seconds(runs: Sequence[Costs], rows: int) -> tuple[float, ...]:
    return tuple(run.whole.seconds for run in runs if run.rows == rows)


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
