"""What differs between runs, and which did best."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from huberflow.components.contracts import node_ids
from huberflow.pipeline.history.metadata_store import State
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.report.metric_direction import Goal, cost, definition, goal
from huberflow.pipeline.tracking import params

Report = Mapping[str, Any]

_SOURCE = ".source."
"""Stands between node and file in the keys of code."""


@dataclass(frozen=True)
class Value:
    """What a metric is for one run."""

    value: float
    change: float | None
    """Share above the first run's value, 0.05 is 5 %; none for the first run itself."""
    best: bool
    """Whether no compared run is better, and one is worse."""


@dataclass(frozen=True)
class Row:
    """One of the compared runs."""

    run: str
    name: str | None
    """That the config gave it."""
    status: str
    """``blessed`` or ``not blessed``; else how far it came, such as ``failed``."""
    seconds: float | None
    training: State | None
    """Whether its model was trained in this run, or is an earlier one's."""
    code: tuple[str, ...]
    """Source files that are not as in the first run."""
    params: Mapping[str, str]
    """Of the keys in which the runs differ, those that it has."""
    metrics: Mapping[str, Value]
    """Over all eval rows; none where it was not evaluated."""
    slices: Mapping[str, Value]
    """The gate's metric by slice; none where not asked for."""


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; the first is what the others are compared with."""

    rows: tuple[Row, ...]
    params: tuple[str, ...]
    """Keys in which the runs differ."""
    metrics: tuple[str, ...]
    slices: tuple[str, ...]
    """Such as ``payment_type=Cash``."""
    slice_metric: str
    """What ``slices`` hold."""


def compare(runs: Sequence[Run], *, slices: bool) -> Comparison:
    """Runs side by side.

    Args:
      runs: at least one; the first is what the others are compared with.
      slices: whether to add the gate's metric by slice.
    """
    settings = [params.of_run(run) for run in runs]
    reports = _reports(runs)
    evaluated = [run for run, report in zip(runs, reports, strict=True) if report] or runs
    gate = evaluated[0].config["evaluation"]["gate"][0]["metric"]
    overall = [_overall(report) for report in reports]
    by_slice = [_by_slice(report, gate) if slices else {} for report in reports]
    goals = {metric: _goal(evaluated, metric) for metric in {gate, *_keys(overall)}}

    differing = _differing(settings)
    metrics = _judged(overall, goals)
    judged_slices = _judged(by_slice, dict.fromkeys(_keys(by_slice), goals[gate]))
    rows = [
        Row(
            run=run.id,
            name=run.config["tracking"]["run_name"],
            status=_status(run, report),
            seconds=None if run.ended is None else run.ended - run.started,
            training=run.nodes[node_ids.TRAINER].state if node_ids.TRAINER in run.nodes else None,
            code=_changed(settings[0], settings[place]),
            params=differing[place],
            metrics=metrics[place],
            slices=judged_slices[place],
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


def _keys(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every key of any row, in the order in which they come."""
    return tuple(dict.fromkeys(key for row in rows for key in row))


def _status(run: Run, report: Report | None) -> str:
    if run.status != "done":
        return run.status
    if report is None:
        return "no result"
    return "blessed" if report["blessed"] else "not blessed"


def _reports(runs: Iterable[Run]) -> list[Report | None]:
    """Of each run; read once where several runs have it from the cache."""
    read: dict[Path | None, Report | None] = {}
    found = []
    for run in runs:
        evaluation = run.artifact(node_ids.EVALUATOR, "evaluation")
        uri = evaluation.uri if evaluation else None
        if uri not in read:
            read[uri] = run.report()
        found.append(read[uri])
    return found


def _overall(report: Report | None) -> dict[str, float]:
    if report is None:
        return {}
    values = next(row["candidate"] for row in report["slices"] if not row["slice"])
    return {metric: values[metric] for metric in report["metrics"]}


def _by_slice(report: Report | None, metric: str) -> dict[str, float]:
    return {
        ", ".join(f"{column}={value}" for column, value in row["slice"].items()): values[metric]
        for row in (report["slices"] if report else ())
        if row["slice"] and metric in (values := row["candidate"])
    }


def _goal(runs: Sequence[Run], metric: str) -> Goal | None:
    """Which values are better; none where none is, or where the runs mean different metrics."""
    evaluations = [run.config["evaluation"] for run in runs]
    known = [found for each in evaluations if (found := definition(each, metric)) is not None]
    if any(each != known[0] for each in known):
        return None
    goals = {goal(each, metric) for each in evaluations} - {None}
    return goals.pop() if len(goals) == 1 else None


def _judged(
    rows: Sequence[Mapping[str, float]], goals: Mapping[str, Goal | None]
) -> list[dict[str, Value]]:
    best = {key: _best([row[key] for row in rows if key in row], goals[key]) for key in goals}
    return [
        {
            key: Value(
                value, _change(rows[0].get(key), value) if place else None, value == best[key]
            )
            for key, value in row.items()
        }
        for place, row in enumerate(rows)
    ]


def _best(values: Iterable[float], goal: Goal | None) -> float | None:
    finite = {value for value in values if math.isfinite(value)}
    return min(finite, key=partial(cost, goal)) if goal and len(finite) > 1 else None


def _change(before: float | None, value: float) -> float | None:
    return value / before - 1 if before and not math.isnan(value / before) else None


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Source files that differ; one that only one of the runs needed is no change of code."""
    old, new = _sources(before), _sources(now)
    return tuple(sorted(file for file in old.keys() & new if old[file] != new[file]))


def _sources(settings: Mapping[str, str]) -> dict[str, str]:
    """Hashes of the code that ran, by file."""
    return {key.partition(_SOURCE)[2]: value for key, value in settings.items() if _SOURCE in key}


def _differing(runs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Of each run the settings that are not the same in all of them."""
    settings = _once(runs)
    sections = [set(map(_section, run)) for run in settings]

    def differs(key: str) -> bool:
        # A run that failed before it came to a section is no different there.
        reached = (run for run, has in zip(settings, sections, strict=True) if _section(key) in has)
        return len({run.get(key) for run in reached}) > 1

    keys = [key for key in _keys(settings) if differs(key)]
    return [{key: run[key] for key in keys if key in run} for run in settings]


def _once(runs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Settings without the code, and without the node's name where a run's nodes agree."""
    apart: set[str] = set().union(*map(_disagreed, runs))
    return [
        {
            key if _path(key) in apart else _path(key): value
            for key, value in run.items()
            if _SOURCE not in key
        }
        for run in runs
    ]


def _disagreed(settings: Mapping[str, str]) -> set[str]:
    values: dict[str, set[str]] = {}
    for key, value in settings.items():
        values.setdefault(_path(key), set()).add(value)
    return {path for path, found in values.items() if len(found) > 1}


def _section(key: str) -> str:
    return key.partition(".")[0]


def _path(key: str) -> str:
    return key.partition(".")[2]
