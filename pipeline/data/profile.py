"""Profiles a data set: reads every row once, and keeps of each column what decides its use."""

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from huberflow.components.data import booleans
from huberflow.components.data.files import Source
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.yaml_text import flow
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.column_summary import ColumnSummary
from huberflow.pipeline.data.written import Format, Written, amount_format, date_format

ColumnKind = Literal[
    "integer", "number", "amount", "boolean", "date", "text", "empty", "list", "mixed"
]

NO_SINGLE_VALUES = "lists, structures, bytes or times"
"""What a column of the kind ``list`` has."""

_MISSING_WORDS = ("nil", "missing", "unknown", "n.a.", "not available")
"""Words for a missing number that nobody but the user knows for sure."""

_EXAMPLES = 5

FEW = 50
"""Values of a column that are all kept."""

_DECIDED_BY_ROWS = Written()

_FEWEST_STEPS = 100
"""Steps of 32-bit floats, in which a network computes, between the least and the largest number."""


@dataclass(frozen=True)
class ColumnProfile:
    """What the rows have in a column."""

    name: str
    kind: ColumnKind
    """As TFX would store it: ``mixed`` is numbers and text, stored as text; ``amount`` is numbers
    stored as text, see ``amount_format``; ``list`` is anything that is no single number or text:
    lists, structures, bytes, times of day, durations."""
    rows: int
    missing: int
    """Rows without a value, with NaN, or with one of ``marks`` or ``bad``."""
    marks: Mapping[str, int]
    """The rows of each text that stands for a missing value, such as ``NA`` among numbers."""
    bad: Mapping[str, int]
    """The rows of each text that is no date, or no amount, where almost all others are."""
    distinct: int
    """The number of distinct values; exact up to 10,000, beyond that within some percent."""
    least: float | str | None
    """The least number, or the first date in ISO form."""
    most: float | str | None
    whole: bool
    """Whether all numbers are whole, such as 3 or 3.0."""
    deviation: float
    """The standard deviation of the numbers."""
    has_heavy_tail: bool
    """Whether no number is below 0, some are far above most, and log(1 + number) is even."""
    non_finite: int
    """The count of numbers that are infinite, or beyond the range of 32-bit floats."""
    words: float
    """Words of a text, on average."""
    date_format: str | None
    """The name of one of ``DATE_FORMATS``."""
    amount_format: str | None
    """The name of an ``AmountFormat``."""
    is_ambiguous: bool
    """Whether all numbers may be others, as ``1,234`` and ``1.234`` may."""
    examples: tuple[object, ...]
    """The first few values."""
    values: tuple[object, ...] | None
    """All values; None if there are more than 50."""
    suggestion: str | None
    """What the values are and what to write, where the column seems to be meant otherwise."""

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers."""
        return self.kind in ("integer", "number", "amount")

    @property
    def narrow_range(self) -> str | None:
        """The range of the numbers, if 32-bit floats hardly distinguish them."""
        if not self.is_number or self.least is None or self.most is None:
            return None
        least, most = float(self.least), float(self.most)
        step = np.spacing(np.float32(max(abs(least), abs(most))))
        return f"{least:g} to {most:g}" if 0 < most - least < _FEWEST_STEPS * step else None


@dataclass(frozen=True)
class DataProfile:
    """What the rows of a data set have in each column."""

    rows: int
    columns: Mapping[str, ColumnProfile]


def profile_rows(source: Source, written: Written = _DECIDED_BY_ROWS) -> DataProfile:
    """Reads all rows once, or twice if there are amounts; memory does not grow with them.

    Args:
      source: the rows.
      written: what is known of how values are written.

    Raises:
      InputError: a file is damaged, TFX would read it wrongly, or there is no row.
    """
    rows, summaries = _summaries(source)
    if not rows:
        where = ", ".join(str(file) for file in source.files[:3])
        raise InputError(where, expected="rows", received="none")
    kinds = {name: _kind(name, each, written) for name, each in summaries.items()}
    formats = {name: form.name for name, (kind, form) in kinds.items() if kind == "amount" and form}
    amounts = _summaries(replace(source, amounts=formats), formats)[1] if formats else {}
    columns = {
        name: _column(name, rows, _Summaries(each, amounts.get(name, each)), written, *kinds[name])
        for name, each in summaries.items()
    }
    return DataProfile(rows, columns)


def _summaries(
    source: Source, names: Collection[str] | None = None
) -> tuple[int, dict[str, ColumnSummary]]:
    """The number of rows, and what is kept of each column, or of those with some names."""
    summaries: dict[str, ColumnSummary] = {}
    rows = 0
    for table in reading.read_batches(source):
        rows += len(table)
        for name in table.column_names:
            if names is not None and name not in names:
                continue
            if name not in summaries:
                summaries[name] = ColumnSummary(from_text=source.file_format == "csv")
            summaries[name].add(table[name])
    return rows, summaries


class _Summaries(NamedTuple):
    """What is kept of a column as it is stored, and as the numbers of its amounts."""

    stored: ColumnSummary
    read: ColumnSummary
    """The same as ``stored`` where there are no amounts."""


def _column(
    name: str,
    rows: int,
    summaries: _Summaries,
    written: Written,
    kind: ColumnKind,
    form: Format | None,
) -> ColumnProfile:
    summary, (texts, numbers) = summaries.stored, (summaries.stored.texts, summaries.read.numbers)
    bad = form.bad if form else {}
    values = _exact_values(summaries.read, kind)
    values = None if values is None else tuple(value for value in values if value not in bad)
    present = numbers.count + (0 if kind == "amount" else texts.count + summary.nested)
    if kind in ("text", "mixed"):
        present += numbers.nan  # among text, the word
    if kind == "date":
        present -= sum(bad.values())
    range_ = _range(kind, form, summary) or (
        (numbers.least, numbers.most) if numbers.finite else (None, None)
    )
    first = _as_kind(summaries.read.values.first, kind) if values is None else values
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=rows,
        missing=rows - present,
        marks=summary.marks,
        bad=bad,
        distinct=min(summaries.read.values.count, present) if values is None else len(values),
        least=range_[0],
        most=range_[1],
        whole=numbers.finite > 0 and numbers.whole,
        deviation=numbers.deviation,
        has_heavy_tail=numbers.has_heavy_tail,
        non_finite=numbers.infinite,
        words=texts.words / texts.count if texts.count else 0.0,
        date_format=form.name if form and kind == "date" else None,
        amount_format=form.name if form and kind == "amount" else None,
        is_ambiguous=_is_ambiguous(kind, form, summary, written),
        examples=tuple(first)[:_EXAMPLES],
        values=values if values is not None and len(values) <= FEW else None,
        suggestion=_suggestion(summary, kind, written),
    )


def _kind(name: str, summary: ColumnSummary, written: Written) -> tuple[ColumnKind, Format | None]:
    """The kind of a column, with the format of dates and amounts; counts marks as what they are."""
    kind, form = _kind_of_values(name, summary, written)
    if summary.marks and not _takes_marks_for_missing(kind, summary):
        summary.take_marks_for_words()
        kind, form = _kind_of_values(name, summary, written)
    return kind, form


def _kind_of_values(
    name: str, summary: ColumnSummary, written: Written
) -> tuple[ColumnKind, Format | None]:
    numbers, texts = summary.numbers, summary.texts
    if summary.nested:
        return "list", None
    if not (texts.count or numbers.count):
        return "empty", None
    if form := amount_format(name, summary, written):
        return "amount", form
    if form := date_format(summary, written):
        return "date", form
    if not texts.count:
        return ("integer" if numbers.integers else "number"), None
    if numbers.count:
        return "mixed", None
    few = texts.counts or {}
    only_booleans = few and booleans.are_booleans(pa.array(few, pa.string()))
    return ("boolean" if only_booleans and not numbers.nan else "text"), None


def _range(kind: ColumnKind, form: Format | None, summary: ColumnSummary) -> tuple[str, str] | None:
    """The first and the last date."""
    if kind != "date" or form is None:
        return None
    detector = summary.texts.dates if summary.texts.count else summary.number_dates
    return detector.range(form.name)


def _is_ambiguous(
    kind: ColumnKind, form: Format | None, summary: ColumnSummary, written: Written
) -> bool:
    if kind == "amount":
        return form is not None and bool(form.others)
    plain = summary.plain
    grouped = plain.has_points and plain.may_be_grouped
    return kind == "number" and grouped and written.decimal is None


def _takes_marks_for_missing(kind: ColumnKind, summary: ColumnSummary) -> bool:
    """Whether texts such as ``NA`` are missing values: among all but words."""
    if kind == "empty":
        return summary.from_text
    return kind in ("integer", "number", "amount", "date", "boolean")


def _exact_values(summary: ColumnSummary, kind: ColumnKind) -> tuple[object, ...] | None:
    """Each value once; a number counts once, however it is written, and so does a boolean."""
    if summary.values.exact is None:
        return None
    values = dict.fromkeys(_as_kind(list(summary.values.exact), kind))
    if kind == "boolean" and summary.from_text:
        values = dict.fromkeys(booleans.as_words(pa.array(values, pa.string())).to_pylist())
    return tuple(value for value in values if value == value)  # without NaN


def _as_kind(values: list[object], kind: ColumnKind) -> list[object]:
    if kind == "integer":
        return [int(str(value)) for value in values]
    if kind in ("number", "amount", "empty"):
        return [float(str(value)) for value in values]
    return values


def _suggestion(summary: ColumnSummary, kind: ColumnKind, written: Written) -> str | None:
    texts = summary.texts
    if kind == "text" and len(written.date_formats(texts.dates.formats)) == 2:
        return (
            "dates in which day and month look alike; write: --set data.day_first=true, or =false"
        )
    if kind in ("text", "mixed") and len(texts.amounts.units) > 1:
        return f"amounts in {', '.join(texts.amounts.units[:5])}; write all in one unit"
    if kind != "mixed":
        return None
    few = texts.counts or {}
    if few and all(text.strip().lower() in (*_MISSING_WORDS, "") for text in few):
        named = ", ".join(f"{count:,} x {text!r}" for text, count in few.items())
        write = shlex.join(["--set", f"data.missing={flow([*few])}"])
        return f"numbers except {named}; if they mean a missing value, write: {write}"
    if texts.count > summary.numbers.count:  # codes, some of which have no letter
        return None
    rows = summary.numbers.count + texts.count
    return f"numbers except text in {texts.count:,} of {rows:,} rows"
