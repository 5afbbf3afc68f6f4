"""Looks at every row once, and keeps of each column what decides its use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from huberflow.components.data.files import DataError, Source
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.sketch import Sketch

ColumnKind = Literal["integer", "number", "boolean", "date", "text", "empty", "list", "mixed"]

_MARKERS = ("na", "n/a", "nan", "null", "none", "nil", "missing", "unknown", "?", "-", ".")
"""How missing numbers are written; TFX takes them for text, but for ``nan``."""

_EXAMPLES = 5

_FEW = 50

_FEWEST_STEPS = 100
"""Of 32-bit floats, in which a network computes, between the least and the largest number."""


@dataclass(frozen=True)
class ColumnProfile:
    """What the rows say of a column."""

    name: str
    kind: ColumnKind
    """As TFX would store it: ``mixed`` is numbers and text, stored as text; ``list`` is anything
    that is no single number or text: lists, structures, bytes."""
    rows: int
    missing: int
    """Rows with nothing, or NaN."""
    distinct: int
    """Values; exact up to 10,000, beyond that within some percent."""
    least: float | str | None
    """Of its numbers; of dates the first, in ISO form."""
    most: float | str | None
    mean: float | None
    whole: bool
    """All numbers are whole, such as 3 or 3.0."""
    non_finite: int
    """Infinite numbers, or beyond what 32-bit floats hold."""
    longest: int
    """Characters of the longest text."""
    words: float
    """Of a text, on average."""
    date_format: str | None
    """One of ``DATE_FORMATS``."""
    examples: tuple[object, ...]
    """The first few values."""
    few: tuple[object, ...] | None
    """All values; None where there are more than 50."""
    suggestion: str | None
    """What to write, where it is not what it seems to be meant for."""

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def blurred(self) -> str | None:
        """From where to where its numbers go, if 32-bit floats hardly tell them apart."""
        if self.kind not in ("integer", "number") or self.least is None or self.most is None:
            return None
        least, most = float(self.least), float(self.most)
        step = np.spacing(np.float32(max(abs(least), abs(most))))
        return f"{least:g} to {most:g}" if 0 < most - least < _FEWEST_STEPS * step else None


@dataclass(frozen=True)
class DataProfile:
    """What the rows of a source say."""

    rows: int
    columns: Mapping[str, ColumnProfile]


def profile_rows(source: Source, *, on_progress: reading.OnProgress | None = None) -> DataProfile:
    """Reads all rows once; memory does not grow with them.

    Args:
      source: what ``source.find_source`` found.
      on_progress: told how much is read, from 0 to 1.

    Raises:
      DataError: a file is damaged, TFX would read it wrongly, or there is no row.
    """
    sketches: dict[str, Sketch] = {}
    rows = 0
    for table in reading.read_batches(source, on_progress):
        rows += len(table)
        for name in table.column_names:
            sketch = sketches.setdefault(name, Sketch(written=source.file_format == "csv"))
            sketch.add(table[name])
    if not rows:
        where = ", ".join(str(file) for file in source.files[:3])
        raise DataError(f"{where}: expected rows, received none")
    return DataProfile(
        rows, {name: _column(name, rows, sketch) for name, sketch in sketches.items()}
    )


def _column(name: str, rows: int, sketch: Sketch) -> ColumnProfile:
    kind = _kind(sketch)
    numbers, texts = sketch.numbers, sketch.texts
    date_format = texts.dates.formats[0] if kind == "date" else None
    least, most = texts.dates.range(date_format) if date_format else (numbers.least, numbers.most)
    values = _values(sketch, kind)
    present = numbers.finite + numbers.infinite + texts.count + sketch.nested
    if kind in ("text", "mixed"):
        present += numbers.nan  # among text, the word
    known = numbers.finite > 0 or date_format is not None
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=rows,
        missing=rows - present,
        distinct=min(sketch.values.distinct, present) if values is None else len(values),
        least=least if known else None,
        most=most if known else None,
        mean=numbers.mean if numbers.finite else None,
        whole=numbers.finite > 0 and numbers.whole,
        non_finite=numbers.infinite,
        longest=texts.longest,
        words=texts.words / texts.count if texts.count else 0.0,
        date_format=date_format,
        examples=tuple(_read(sketch.values.first, kind) if values is None else values)[:_EXAMPLES],
        few=values if values is not None and len(values) <= _FEW else None,
        suggestion=_suggestion(sketch, kind),
    )


def _kind(sketch: Sketch) -> ColumnKind:
    numbers, texts = sketch.numbers, sketch.texts
    if sketch.nested:
        return "list"
    if not texts.count:
        if not numbers.finite + numbers.infinite:
            return "empty"
        return "integer" if numbers.integers else "number"
    if numbers.finite + numbers.infinite:
        return "mixed"
    if numbers.nan:
        return "text"
    if len(texts.dates.formats) == 1:
        return "date"
    few = texts.few or {}
    return "boolean" if few and {text.lower() for text in few} <= {"true", "false"} else "text"


def _values(sketch: Sketch, kind: ColumnKind) -> tuple[object, ...] | None:
    """Each value once: numbers as such, in whichever way they are written."""
    if sketch.values.exact is None:
        return None
    values = dict.fromkeys(_read(list(sketch.values.exact), kind))
    return tuple(value for value in values if value == value)  # without NaN


def _read(values: list[object], kind: ColumnKind) -> list[object]:
    if kind == "integer":
        return [int(str(value)) for value in values]
    if kind in ("number", "empty"):
        return [float(str(value)) for value in values]
    return values


def _suggestion(sketch: Sketch, kind: ColumnKind) -> str | None:
    texts = sketch.texts
    if kind == "text" and len(texts.dates.formats) == 2:
        return "dates whose day and month cannot be told apart; write them as YYYY-MM-DD"
    if kind != "mixed":
        return None
    few = texts.few or {}
    if few and all(text.strip().lower() in (*_MARKERS, "") for text in few):
        named = ", ".join(f"{count:,} x {text!r}" for text, count in few.items())
        return f"numbers but for {named}; leave these fields empty"
    numbers = sketch.numbers.finite + sketch.numbers.infinite
    if texts.count > numbers:  # codes, some of which have no letter
        return None
    return f"numbers but for text in {texts.count:,} of {numbers + texts.count:,} rows"
