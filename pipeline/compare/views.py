"""A comparison as a table for a terminal, as JSON and as CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from rich.align import AlignMethod
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from huberflow.components.contracts import strict_json
from huberflow.pipeline.compare.comparison import ComparedValue, Comparison
from huberflow.pipeline.config.dotted_keys import short_names
from huberflow.pipeline.report.formatting import format_metric
from huberflow.pipeline.system.shortening import told_apart

MOST_PARAMS = 8
"""The most columns of settings that a terminal shows."""

_STYLES = {"blessed": "green", "not blessed": "yellow", "failed": "bold red"}


def table(comparison: Comparison) -> RenderableType:
    """A line per run and, where slices are compared, a line per slice."""
    shown = _most_varied(comparison)
    left_out = len(comparison.params) - len(shown)
    blocks: list[RenderableType] = [
        _Wide(list(_columns(comparison, shown))),
        Text(f"* best; % from {comparison.rows[0].run}", "dim"),
    ]
    if left_out:
        blocks.append(Text(f"settings left out: {left_out}; see all with: --json", "dim"))
    if comparison.slices:
        blocks += [Text(), _Wide(list(_slice_columns(comparison)))]
    return Group(*blocks)


def _most_varied(comparison: Comparison) -> list[str]:
    """The keys with the most different values, in their order."""

    def sameness(key: str) -> int:
        return -len({row.params.get(key) for row in comparison.rows})

    varied = sorted(comparison.params, key=sameness)[:MOST_PARAMS]
    return [key for key in comparison.params if key in varied]


def _columns(comparison: Comparison, shown: Iterable[str]) -> Iterator[list[Text]]:
    rows = comparison.rows
    yield _column("run", [Text(row.run) for row in rows])
    if any(row.name for row in rows):
        yield _column("name", _short([row.name or "-" for row in rows]))
    yield _column("status", [Text(row.status, _STYLES.get(row.status, "dim")) for row in rows])
    seconds = ["-" if row.seconds is None else f"{row.seconds:,.1f}" for row in rows]
    yield _column("seconds", [Text(each) for each in seconds], "right")
    yield _column("training", [Text(row.training or "-") for row in rows])
    if any(row.code for row in rows):
        yield _column("code changed", _short([", ".join(row.code) for row in rows]))
    short = short_names(comparison.params)
    for key in shown:
        yield _column(short[key], _short([row.params.get(key, "-") for row in rows]))
    for metric in comparison.metrics:
        yield _column(metric, _figures([row.metrics.get(metric) for row in rows], metric), "right")


def _slice_columns(comparison: Comparison) -> Iterator[list[Text]]:
    yield _column(comparison.slice_metric, [Text(name) for name in comparison.slices])
    for row in comparison.rows:
        values = [row.slices.get(name) for name in comparison.slices]
        yield _column(row.run, _figures(values, comparison.slice_metric), "right")


def _figures(values: Sequence[ComparedValue | None], metric: str) -> list[Text]:
    changes = [f" {value.change:+.1%}" if value and value.change else "" for value in values]
    room = max(map(len, changes))
    return [
        Text.assemble(_figure(value, metric), (change.rjust(room), "dim"))
        for value, change in zip(values, changes, strict=True)
    ]


def _figure(value: ComparedValue | None, metric: str) -> Text:
    number = format_metric(metric, value.value if value else None)
    return Text(f"{number}*", "bold green") if value and value.best else Text(f"{number} ")


def _short(texts: Iterable[str]) -> list[Text]:
    """Cells of one line each; where they are cut, those that differ look different."""
    lines = [" ".join(text.split()) for text in texts]
    forms = told_apart(lines, 30)
    return [Text(forms[line]) for line in lines]


def _column(header: str, cells: Sequence[Text], align: AlignMethod = "left") -> list[Text]:
    column = [Text(header, "bold"), *cells]
    width = max(cell.cell_len for cell in column)
    for cell in column:
        cell.align(align, width)
    return column


class _Wide:
    """Columns side by side; those that do not fit follow below, with the first column repeated.

    Rich's table would squeeze them until they are unreadable, and is slow for a thousand rows.
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
    """The whole comparison; a value that is not finite is null."""
    return strict_json.dumps(asdict(comparison), indent=1)


def to_csv(comparison: Comparison) -> str:
    """A line per run, with whole keys as the header; without changes and marks."""
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
        about = [row.run, row.name, row.status, row.seconds, row.training, code]
        writer.writerow([*about, *settings, *numbers])
    return text.getvalue()
