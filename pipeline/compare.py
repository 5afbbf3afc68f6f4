"""Compares runs: the settings in which they differ, and their results; reads journals only."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from pipeline.grid import short_names
from pipeline.history import Run
from pipeline.records import State
from pipeline.tracking import params

LATEST = 10
"""Runs that are compared where none is named."""

MOST_PARAMS = 8
"""Columns of settings in a terminal."""

Report = Mapping[str, Any]
Goal = Literal["lower", "higher", "one"]

_COST: Mapping[Goal, Callable[[float], float]] = {
    "lower": lambda value: value,
    "higher": lambda value: -value,
    "one": lambda value: abs(value - 1),
}

_HIGHER_IS_BETTER = ("Accuracy", "AUC", "Precision", "Recall", "R2Score", "CosineSimilarity")
"""Ends of the names of metric classes; of all others, errors and losses, less is better."""

_SOURCE = ".source."
"""Stands between node and file in the keys of code."""

_STYLES = {"blessed": "green", "not blessed": "yellow", "failed": "bold red"}


class CompareError(Exception):
    """The runs to compare cannot be told; the message says what to write instead."""


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
    """Runs side by side; the first is what the others are held against."""

    rows: tuple[Row, ...]
    params: tuple[str, ...]
    """Keys in which the runs differ."""
    metrics: tuple[str, ...]
    slices: tuple[str, ...]
    """Such as ``payment_type=Cash``."""
    slice_metric: str
    """What ``slices`` hold."""


def choose(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
    """The runs that are meant, each once.

    Args:
      runs: all there are, oldest first.
      names: each the id of a run or sweep, the unique start of one, a name, ``latest``, or
        ``latest~2`` for the second before it; none: the latest that have a result.

    Raises:
      CompareError: there is none of this name, or there are several.
    """
    if names:
        found = [run for name in names for run in _named(runs, name)]
    else:
        evaluated = (run for run in reversed(runs) if run.kind == "run" and run.report())
        found = [*islice(evaluated, LATEST)][::-1]
    if not found:
        raise CompareError("expected runs with a result, found none; write: huberflow run")
    return list({run.id: run for run in found}.values())


def _named(runs: Sequence[Run], name: str) -> list[Run]:
    if latest := re.fullmatch(r"latest(?:~(\d+))?", name):
        return [_latest(runs, int(latest[1] or 0))]
    found = (
        [run for run in runs if run.id == name]
        or [run for run in runs if run.name == name]
        or [run for run in runs if run.id.startswith(name)]
    )
    ids = {run.id for run in found}
    found = [run for run in found if run.sweep not in ids]  # they are meant by their sweep
    if not found:
        raise CompareError(_unknown(runs, name))
    if len(found) > 1:
        listed = ", ".join(run.id for run in found[-5:])
        raise CompareError(
            f"expected one run, received {name!r}, which {len(found)} are called; "
            f"write the whole id, such as: {listed}"
        )
    (only,) = found
    return [only] if only.kind == "run" else [run for run in runs if run.sweep == only.id]


def _latest(runs: Sequence[Run], back: int) -> Run:
    found = [run for run in runs if run.kind == "run"]
    if back >= len(found):
        raise CompareError(
            f"expected one of the {len(found)} runs there are, received latest~{back}; "
            + (f"write: latest~{len(found) - 1}" if found else "write: huberflow run")
        )
    return found[-1 - back]


def _unknown(runs: Sequence[Run], name: str) -> str:
    known = list(dict.fromkeys(text for run in reversed(runs) for text in (run.id, run.name)))
    close = get_close_matches(name, known, n=3) or known[:1]
    hint = f"write: {' or '.join(close)}" if close else "there is none yet; write: huberflow run"
    return f"expected the id or name of a run, received {name!r}; {hint}"


def compare(runs: Sequence[Run], *, slices: bool) -> Comparison:
    """Runs side by side.

    Args:
      runs: at least one; the first is what the others are held against.
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
            training=run.nodes["Trainer"].state if "Trainer" in run.nodes else None,
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
        evaluation = run.artifact("Evaluator", "evaluation")
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


def _goal(runs: Iterable[Run], metric: str) -> Goal | None:
    """Which values are better; none where none is, or where the runs mean different metrics."""
    if metric == "calibration":
        return "one"
    definitions = [
        definition
        for run in runs
        for definition in run.config["evaluation"]["metrics"]
        if definition["key"] == metric
    ]
    if not definitions or any(definition != definitions[0] for definition in definitions):
        return None
    return "higher" if definitions[0]["name"].endswith(_HIGHER_IS_BETTER) else "lower"


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
    return min(finite, key=_COST[goal]) if goal and len(finite) > 1 else None


def _change(before: float | None, value: float) -> float | None:
    return value / before - 1 if before else None


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


def table(comparison: Comparison) -> RenderableType:
    """For a terminal: a line per run, and with slices a line per slice."""
    shown = _most_varied(comparison)
    left_out = len(comparison.params) - len(shown)
    parts: list[RenderableType] = [
        _Wide(list(_columns(comparison, shown))),
        Text(f"* best; % against {comparison.rows[0].run}", "dim"),
    ]
    if left_out:
        parts.append(Text(f"settings left out: {left_out}; see all with: --json", "dim"))
    if comparison.slices:
        parts += [Text(), _Wide(list(_slice_columns(comparison)))]
    return Group(*parts)


def _most_varied(comparison: Comparison) -> list[str]:
    """As many keys as a terminal shows, in the order of all."""

    def sameness(key: str) -> int:
        return -len({row.params.get(key) for row in comparison.rows})

    varied = sorted(comparison.params, key=sameness)[:MOST_PARAMS]
    return [key for key in comparison.params if key in varied]


def _columns(comparison: Comparison, shown: Iterable[str]) -> Iterator[list[Text]]:
    rows = comparison.rows
    yield _left("run", [Text(row.run) for row in rows])
    if any(row.name for row in rows):
        yield _left("name", [Text(_short(row.name or "-")) for row in rows])
    yield _left("status", [Text(row.status, _STYLES.get(row.status, "dim")) for row in rows])
    yield _right("seconds", [Text(_seconds(row.seconds)) for row in rows])
    yield _left("training", [Text(row.training or "-") for row in rows])
    if any(row.code for row in rows):
        yield _left("code changed", [Text(_short(", ".join(row.code))) for row in rows])
    short = short_names(comparison.params)
    for key in shown:
        yield _left(short[key], [Text(_short(row.params.get(key, "-"))) for row in rows])
    for metric in comparison.metrics:
        digits = ",.0f" if metric == "example_count" else ".4g"
        yield _right(metric, _figures([row.metrics.get(metric) for row in rows], digits))


def _slice_columns(comparison: Comparison) -> Iterator[list[Text]]:
    yield _left(comparison.slice_metric, [Text(name) for name in comparison.slices])
    for row in comparison.rows:
        values = [row.slices.get(name) for name in comparison.slices]
        yield _right(row.run, _figures(values, ".4g"))


def _figures(values: Sequence[Value | None], digits: str) -> list[Text]:
    changes = [f" {value.change:+.1%}" if value and value.change else "" for value in values]
    room = max(map(len, changes))
    return [
        Text.assemble(_figure(value, digits), (change.rjust(room), "dim"))
        for value, change in zip(values, changes, strict=True)
    ]


def _figure(value: Value | None, digits: str) -> Text:
    if value is None:
        return Text("- ")
    number = f"{value.value:{digits}}"
    return Text(f"{number}*", "bold green") if value.best else Text(f"{number} ")


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.1f}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 30 else f"{line[:29]}…"


def _left(header: str, cells: Sequence[Text]) -> list[Text]:
    return _padded([Text(header, "bold"), *cells], Text.pad_right)


def _right(header: str, cells: Sequence[Text]) -> list[Text]:
    return _padded([Text(header, "bold"), *cells], Text.pad_left)


def _padded(column: list[Text], pad: Callable[[Text, int], None]) -> list[Text]:
    width = max(cell.cell_len for cell in column)
    for cell in column:
        pad(cell, width - cell.cell_len)
    return column


class _Wide:
    """Columns side by side; those that do not fit go on below, beside the first once more.

    Rich's own table squeezes them until nothing can be read, and is slow for a thousand rows.
    """

    def __init__(self, columns: Sequence[Sequence[Text]]) -> None:
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, columns in enumerate(self._fitting(options.max_width)):
            if number:
                yield Text()
            lines = [Text("  ").join(cells) for cells in zip(*columns, strict=True)]
            yield Text("\n", no_wrap=True, overflow="ellipsis").join(lines)

    def _fitting(self, width: int) -> Iterator[list[Sequence[Text]]]:
        first, *others = self._columns
        group = [first]
        for column in others:
            used = sum(shown[0].cell_len + 2 for shown in group)
            if len(group) > 1 and used + column[0].cell_len > width:
                yield group
                group = [first]
            group.append(column)
        yield group


def to_json(comparison: Comparison) -> str:
    """All of it; a value that is not finite is null, for JSON has none."""
    plain = json.dumps(asdict(comparison))
    return json.dumps(json.loads(plain, parse_constant=lambda constant: None), indent=1)


def to_csv(comparison: Comparison) -> str:
    """A line per run, under whole keys; without changes and marks."""
    slices = [f"{comparison.slice_metric} {name}" for name in comparison.slices]
    keys = [*comparison.params, *comparison.metrics, *slices]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "name", "status", "seconds", "training", "code changed", *keys])
    for row in comparison.rows:
        settings = [row.params.get(key) for key in comparison.params]
        values = [row.metrics.get(key) for key in comparison.metrics]
        values += [row.slices.get(name) for name in comparison.slices]
        numbers = [value and value.value for value in values]
        code = " ".join(row.code)
        facts = [row.run, row.name, row.status, row.seconds, row.training, code]
        writer.writerow([*facts, *settings, *numbers])
    return text.getvalue()


def link(base_url: str, experiment_ids: Sequence[str], mlflow_run_ids: Sequence[str]) -> str:
    """The page of MLflow's UI that compares these runs.

    Args:
      base_url: of the server, such as ``http://127.0.0.1:5000``.
      experiment_ids: of the experiments that the runs are in.
      mlflow_run_ids: as the server knows them.
    """
    query = {
        "runs": json.dumps(list(mlflow_run_ids)),
        "experiments": json.dumps(list(experiment_ids)),
    }
    return f"{base_url.rstrip('/')}/#/compare-runs?{urlencode(query, quote_via=quote)}"
