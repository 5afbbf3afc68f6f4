"""Profiles a data set: reads every row once, and keeps of each column what decides its use."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from huberflow.components.data import booleans
from huberflow.components.data.files import Source
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.yaml_text import flow
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.column_summary import ColumnSummary

ColumnKind = Literal["integer", "number", "boolean", "date", "text", "empty", "list", "mixed"]

NO_SINGLE_VALUES = "lists, structures, bytes or times"
"""What a column of the kind ``list`` has."""

_MISSING_WORDS = ("nil", "missing", "unknown", "n.a.", "not available")
"""Words for a missing number that nobody but the user knows for sure."""

_EXAMPLES = 5

FEW = 50
"""Values of a column that are all kept."""

_FEWEST_STEPS = 100
"""Steps of 32-bit floats, in which a network computes, between the least and the largest number."""


@dataclass(frozen=True)
class ColumnProfile:
    """What the rows have in a column."""

    name: str
    kind: ColumnKind
    """As TFX would store it: ``mixed`` is numbers and text, stored as text; ``list`` is anything
    that is no single number or text: lists, structures, bytes, times of day, durations."""
    rows: int
    missing: int
    """Rows without a value, with NaN, or with one of ``marks``."""
    marks: Mapping[str, int]
    """The rows of each text that stands for a missing value, such as ``NA`` among numbers."""
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
        return self.kind in ("integer", "number")

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


def profile_rows(source: Source) -> DataProfile:
    """Reads all rows once; memory does not grow with them.

    Raises:
      InputError: a file is damaged, TFX would read it wrongly, or there is no row.
    """
    summaries: dict[str, ColumnSummary] = {}
    rows = 0
    for table in reading.read_batches(source):
        rows += len(table)
        for name in table.column_names:
            if name not in summaries:
                summaries[name] = ColumnSummary(from_text=source.file_format == "csv")
            summaries[name].add(table[name])
    if not rows:
        where = ", ".join(str(file) for file in source.files[:3])
        raise InputError(where, expected="rows", received="none")
    return DataProfile(rows, {name: _column(name, rows, each) for name, each in summaries.items()})


def _column(name: str, rows: int, summary: ColumnSummary) -> ColumnProfile:
    kind = _kind(summary)
    if summary.marks and not _takes_marks_for_missing(kind, summary):
        summary.take_marks_for_words()
        kind = _kind(summary)
    numbers, texts = summary.numbers, summary.texts
    date_format = texts.dates.formats[0] if kind == "date" else None
    least, most = texts.dates.range(date_format) if date_format else (numbers.least, numbers.most)
    values = _exact_values(summary, kind)
    present = numbers.count + texts.count + summary.nested
    if kind in ("text", "mixed"):
        present += numbers.nan  # among text, the word
    has_range = numbers.finite > 0 or date_format is not None
    first = _as_kind(summary.values.first, kind) if values is None else values
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=rows,
        missing=rows - present,
        marks=summary.marks,
        distinct=min(summary.values.count, present) if values is None else len(values),
        least=least if has_range else None,
        most=most if has_range else None,
        whole=numbers.finite > 0 and numbers.whole,
        deviation=numbers.deviation,
        has_heavy_tail=numbers.has_heavy_tail,
        non_finite=numbers.infinite,
        words=texts.words / texts.count if texts.count else 0.0,
        date_format=date_format,
        examples=tuple(first)[:_EXAMPLES],
        values=values if values is not None and len(values) <= FEW else None,
        suggestion=_suggestion(summary, kind),
    )


def _kind(summary: ColumnSummary) -> ColumnKind:
    numbers, texts = summary.numbers, summary.texts
    if summary.nested:
        return "list"
    if not texts.count:
        if not numbers.count:
            return "empty"
        return "integer" if numbers.integers else "number"
    if numbers.count:
        return "mixed"
    if numbers.nan:
        return "text"
    if len(texts.dates.formats) == 1:
        return "date"
    few = texts.counts or {}
    return "boolean" if booleans.are_booleans(pa.array(few, pa.string())) and few else "text"


def _takes_marks_for_missing(kind: ColumnKind, summary: ColumnSummary) -> bool:
    """Whether texts such as ``NA`` are missing values: among all but words."""
    if kind == "empty":
        return summary.from_text
    return kind in ("integer", "number", "date", "boolean")


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
    if kind in ("number", "empty"):
        return [float(str(value)) for value in values]
    return values


def _suggestion(summary: ColumnSummary, kind: ColumnKind) -> str | None:
    texts = summary.texts
    if kind == "text" and len(texts.dates.formats) == 2:
        return "dates in which day and month look alike; write them as YYYY-MM-DD"
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
