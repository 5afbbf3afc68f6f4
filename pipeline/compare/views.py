"""A comparison for people and programs: table, JSON, CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from huberflow.pipeline.compare.comparison import Comparison, Value
from huberflow.pipeline.config.dotted_keys import short_names
from huberflow.pipeline.report import words

MOST_PARAMS = 8
"""Columns of settings in a terminal."""

_STYLES = {"blessed": "green", "not blessed": "yellow", "failed": "bold red"}


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
        yield _right(metric, _figures([row.metrics.get(metric) for row in rows], metric))


def _slice_columns(comparison: Comparison) -> Iterator[list[Text]]:
    yield _left(comparison.slice_metric, [Text(name) for name in comparison.slices])
    for row in comparison.rows:
        values = [row.slices.get(name) for name in comparison.slices]
        yield _right(row.run, _figures(values, comparison.slice_metric))


def _figures(values: Sequence[Value | None], metric: str) -> list[Text]:
    changes = [f" {value.change:+.1%}" if value and value.change else "" for value in values]
    room = max(map(len, changes))
    return [
        Text.assemble(_figure(value, metric), (change.rjust(room), "dim"))
        for value, change in zip(values, changes, strict=True)
    ]


def _figure(value: Value | None, metric: str) -> Text:
    number = words.metric(metric, value.value if value else None)
    return Text(f"{number}*", "bold green") if value and value.best else Text(f"{number} ")


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
