"""How runs differ in settings, code and results, and which is best."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from huberflow.components.contracts import node_ids
from huberflow.components.contracts.evaluation_config import Direction
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.pipeline.history.metadata_store import NodeState
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.report.metric_direction import badness, direction_in, ranking_metric
from huberflow.pipeline.tracking import params

_SOURCE = ".source."
"""Separates node and file in the keys of code hashes."""


@dataclass(frozen=True)
class ComparedValue:
    """A metric of one run, compared with the other runs."""

    value: float
    change: float | None
    """Share above the first run's value, 0.05 is 5 %; None for the first run itself."""
    best: bool
    """Whether no compared run is better, and at least one is worse."""


@dataclass(frozen=True)
class ComparedRun:
    """One of the compared runs."""

    run: str
    """The run's id."""
    name: str | None
    """The name in the config."""
    status: str
    """``blessed`` or ``not blessed``; else the status of the run, such as ``failed``."""
    seconds: float | None
    training: NodeState | None
    """The Trainer's state: whether the run trained its model, or reused an earlier one."""
    code: tuple[str, ...]
    """Source files that differ from the first run's."""
    params: Mapping[str, str]
    """Its settings under those keys in which the runs differ."""
    metrics: Mapping[str, ComparedValue]
    """The metrics over all eval rows; empty where it was not evaluated."""
    slices: Mapping[str, ComparedValue]
    """The gate's metric by slice; empty unless slices were asked for."""


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; the others are compared with the first."""

    rows: tuple[ComparedRun, ...]
    params: tuple[str, ...]
    """Keys in which the runs differ."""
    metrics: tuple[str, ...]
    slices: tuple[str, ...]
    """Names of slices, such as ``payment_type=Cash``."""
    slice_metric: str
    """The metric that is compared by slice."""


def compare(runs: Sequence[Run], *, slices: bool) -> Comparison:
    """Compares runs.

    Args:
      runs: at least one; the others are compared with the first.
      slices: whether to compare the gate's metric by slice, too.
    """
    settings = [params.of_run(run) for run in runs]
    reports = [run.report() for run in runs]
    evaluated = [run for run, report in zip(runs, reports, strict=True) if report] or runs
    gate = ranking_metric(evaluated[0]) or ""
    overall = [_overall(report) for report in reports]
    by_slice = [_by_slice(report, gate) if slices else {} for report in reports]
    directions = {metric: _direction(evaluated, metric) for metric in {gate, *_keys(overall)}}

    differing = _differing(settings)
    metrics = _compared(overall, directions)
    slice_values = _compared(by_slice, dict.fromkeys(_keys(by_slice), directions[gate]))
    rows = [
        ComparedRun(
            run=run.id,
            name=run.config["tracking"]["run_name"] if run.config else None,
            status=_status(run, report),
            seconds=run.seconds,
            training=_training(run),
            code=_changed(settings[0], settings[place]),
            params=differing[place],
            metrics=metrics[place],
            slices=slice_values[place],
        )
        for place, (run, report) in enumerate(zip(runs, reports, strict=True))
    ]
    return Comparison(
        rows=tuple(rows),
        params=_keys(differing),
        metrics=_keys(overall),
        slices=_keys(by_slice),
        slice_metric=gate,
    )


def _keys(rows: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    """The keys of all rows, each once, in their order."""
    return tuple(dict.fromkeys(key for row in rows for key in row))


def _training(run: Run) -> NodeState | None:
    trainer = run.writer("model") or run.nodes.get(node_ids.TRAINER)
    return trainer.state if trainer else None


def _status(run: Run, report: EvaluationReport | None) -> str:
    if run.status != "done":
        return run.status
    if report is None:
        return "no result"
    return "blessed" if report.blessed else "not blessed"


def _overall(report: EvaluationReport | None) -> dict[str, float]:
    if report is None:
        return {}
    return {metric: report.overall.candidate[metric] for metric in report.metrics}


def _by_slice(report: EvaluationReport | None, metric: str) -> dict[str, float]:
    return {
        row.name: row.candidate[metric]
        for row in (report.slices if report else ())
        if row.slice and metric in row.candidate
    }


def _direction(runs: Sequence[Run], metric: str) -> Direction | None:
    """The direction of better values; None where the runs have different metrics of this name."""
    evaluations = [run.evaluation for run in runs if run.config]
    configs = [config for each in evaluations if (config := each.metric_config(metric))]
    if any(config != configs[0] for config in configs):
        return None
    directions = {direction_in(run, metric) for run in runs} - {None}
    return directions.pop() if len(directions) == 1 else None


def _compared(
    rows: Sequence[Mapping[str, float]], directions: Mapping[str, Direction | None]
) -> list[dict[str, ComparedValue]]:
    best = {
        key: _best([row[key] for row in rows if key in row], direction)
        for key, direction in directions.items()
    }
    return [
        {
            key: ComparedValue(
                value, _change(rows[0].get(key), value) if place else None, value == best[key]
            )
            for key, value in row.items()
        }
        for place, row in enumerate(rows)
    ]


def _best(values: Iterable[float], direction: Direction | None) -> float | None:
    finite = {value for value in values if math.isfinite(value)}
    if direction is None or len(finite) < 2:
        return None
    return min(finite, key=partial(badness, direction))


def _change(before: float | None, value: float) -> float | None:
    return value / before - 1 if before and not math.isnan(value / before) else None


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Source files that differ between two runs that both have them."""
    old, new = _sources(before), _sources(now)
    return tuple(sorted(file for file in old.keys() & new if old[file] != new[file]))


def _sources(settings: Mapping[str, str]) -> dict[str, str]:
    """The hashes of the code that ran, by file."""
    return {key.partition(_SOURCE)[2]: value for key, value in settings.items() if _SOURCE in key}


def _differing(runs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The settings of each run that are not the same in all runs."""
    settings = _merged(runs)
    sections = [set(map(_section, run)) for run in settings]

    def differs(key: str) -> bool:
        # A run that failed before a section was reached does not differ in it.
        reached = (run for run, has in zip(settings, sections, strict=True) if _section(key) in has)
        return len({run.get(key) for run in reached}) > 1

    keys = [key for key in _keys(settings) if differs(key)]
    return [{key: run[key] for key in keys if key in run} for run in settings]


def _merged(runs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Settings without the code, and without the node's name where all nodes of a run agree."""
    per_node: set[str] = set().union(*map(_differing_between_nodes, runs))
    return [
        {
            key if _path(key) in per_node else _path(key): value
            for key, value in run.items()
            if _SOURCE not in key
        }
        for run in runs
    ]


def _differing_between_nodes(settings: Mapping[str, str]) -> set[str]:
    values: dict[str, set[str]] = {}
    for key, value in settings.items():
        values.setdefault(_path(key), set()).add(value)
    return {path for path, each in values.items() if len(each) > 1}


def _section(key: str) -> str:
    return key.partition(".")[0]


def _path(key: str) -> str:
    return key.partition(".")[2]
