"""Which rows are labelled, and how many have each value of a column or day of its dates."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.booleans import WORDS
from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.contracts.labelled_rows import classes_as_numbers
from huberflow.components.contracts.target import Target
from huberflow.components.data import booleans
from huberflow.components.data.files import Source
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.dates import parse_dates
from huberflow.pipeline.data.profile import ColumnProfile


def is_labelled(batch: pa.Table, target: Target) -> np.ndarray:
    """Whether each row is labelled, bool ``[rows]``."""
    if not target.classes:
        return np.all([np.isfinite(numbers(batch, name)) for name in target.labels], axis=0)
    return np.any(_of_classes(batch, target), axis=0)


def _of_classes(batch: pa.Table, target: Target) -> list[np.ndarray]:
    """For each class, whether each row is of it."""
    (label,) = target.labels
    if (classes := classes_as_numbers(target.classes)) is not None:
        values = numbers(batch, label)
        return [values == number for number in classes]
    if label not in batch.column_names:
        return [np.zeros(len(batch), bool) for _ in target.classes]
    texts = batch[label].to_pandas().astype(str).to_numpy()
    if {*target.classes} <= {*WORDS}:
        texts = np.char.lower(np.char.strip(texts.astype(str)))
    return [texts == name for name in target.classes]


def numbers(batch: pa.Table, name: str) -> np.ndarray:
    """The numbers of a column, NaN where there is none; TFRecords may lack the column."""
    import pandas as pd  # takes a second, and most verbs read no rows

    if name not in batch.column_names:
        return np.full(len(batch), np.nan)
    return pd.to_numeric(batch[name].to_pandas(), errors="coerce").to_numpy(np.float64)


@dataclass
class Tally:
    """Numbers of rows by a column's value."""

    words: Counter[str] = field(default_factory=Counter)
    """Labelled rows by text; 0 for a text that only other rows have."""
    days: Counter[date] = field(default_factory=Counter)
    """The same by day, in place of ``words``, if the column has dates."""
    without_value: int = 0
    """The number of rows, labelled or not, without a value."""


def count_rows(source: Source, column: ColumnProfile, target: Target) -> Tally:
    """Counts all rows.

    Memory grows with the distinct values or days, not with rows.
    """
    counted = Tally()
    by_value: Counter = counted.words if column.date_format is None else counted.days
    for batch in reading.read_batches(source):
        text = _values(batch, column.name).cast(pa.string())
        no_values = pa.array(["", *column.marks, *column.bad])
        absent = pc.or_(pc.is_null(text), pc.is_in(text, no_values))
        present = pc.invert(absent)
        counted.without_value += len(batch) - pc.sum(present).as_py()
        if not pc.any(present).as_py():
            continue
        labels = is_labelled(batch, target)[present.to_numpy()].astype(int)
        rows = pa.table({"value": _normalized(text.filter(present), column), "labels": labels})
        # Without threads, which would need Python to let go of NumPy's memory: see csv_reading.
        by_text = rows.group_by("value", use_threads=False)
        for row in by_text.aggregate([("labels", "sum")]).to_pylist():
            by_value[row["value"]] += row["labels_sum"]
    return counted


def count_classes(
    source: Source, target: Target, column: ColumnProfile | None = None, words: Sequence[str] = ()
) -> dict[str, int]:
    """The number of rows of each class.

    Args:
      source: the rows.
      target: has the classes.
      column: with ``words``, only rows that have one of them in this column count.
      words: some of the column's values, as ``count_rows`` has them.
    """
    counts = dict.fromkeys(target.classes, 0)
    for batch in reading.read_batches(source):
        counted = np.ones(len(batch), bool) if column is None else _has_word(batch, column, words)
        for name, rows in zip(target.classes, _of_classes(batch, target), strict=True):
            counts[name] += int((rows & counted).sum())
    return counts


def _has_word(batch: pa.Table, column: ColumnProfile, words: Sequence[str]) -> np.ndarray:
    if column.kind == "integer":  # 07 is 7
        return np.isin(numbers(batch, column.name), [float(word) for word in words])
    text = _values(batch, column.name).cast(pa.string())
    return np.isin(_normalized(text, column).to_pandas().astype(str), words)


def has_label(source: Source, target: Target) -> bool:
    """Whether any row is labelled; reads no further than the first one."""
    return any(is_labelled(batch, target).any() for batch in reading.read_batches(source))


def _values(batch: pa.Table, column: str) -> pa.ChunkedArray:
    """The column; nulls if no TFRecord of the batch has it."""
    if column in batch.column_names:
        return batch[column]
    return pa.chunked_array([pa.nulls(len(batch))])


def _normalized(text: pa.ChunkedArray, column: ColumnProfile) -> pa.ChunkedArray:
    """Days, in UTC where dates have a zone; others as TFX stores them: 7 for 07, true for True."""
    if column.date_format is not None:
        points = parse_dates(text.combine_chunks(), DATE_FORMATS[column.date_format])
        return pa.chunked_array([points.cast(pa.date32())])
    if column.kind == "integer":
        return pa.chunked_array([[str(int(value)) for value in text.to_pylist()]], pa.string())
    if column.kind == "boolean":  # in Parquet, texts are stored as they are
        words = booleans.as_words(text)
        return pc.if_else(pc.is_in(text, pa.array(column.values, pa.string())), text, words)
    return text
