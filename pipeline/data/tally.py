"""Counts rows by what a column says of them: a word, or the day of a date."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.contracts.target import Target
from huberflow.components.data.files import Source
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.dates import parse_dates
from huberflow.pipeline.data.labelled import is_labelled
from huberflow.pipeline.data.profile import ColumnProfile


@dataclass
class Tally:
    """Rows by what the column says; a day where it has dates, else text."""

    labelled: Counter[Any] = field(default_factory=Counter)
    """How many of them have a label; 0 where none does."""
    silent: int = 0
    """Rows, with a label or not, in which the column has no value."""


def count_rows(source: Source, column: ColumnProfile, target: Target) -> Tally:
    """Counts all rows.

    Memory grows with days, not rows; of other columns, only for such with few values.
    """
    counted = Tally()
    for batch in reading.read_batches(source):
        text = _values(batch, column.name).cast(pa.string())
        speaks = pc.and_(pc.is_valid(text), pc.not_equal(text, "").fill_null(False))
        counted.silent += len(batch) - pc.sum(speaks).as_py()
        if not pc.any(speaks).as_py():
            continue
        labels = is_labelled(batch, target)[speaks.to_numpy()].astype(int)
        said = pa.table({"said": _said(text.filter(speaks), column), "labels": labels})
        for row in said.group_by("said").aggregate([("labels", "sum")]).to_pylist():
            counted.labelled[row["said"]] += row["labels_sum"]
    return counted


def any_label(source: Source, target: Target) -> bool:
    """Whether any row has one; reads on until then."""
    return any(is_labelled(batch, target).any() for batch in reading.read_batches(source))


def _values(batch: pa.Table, column: str) -> pa.ChunkedArray:
    """Nothing where none of a batch of TFRecords has the column."""
    if column in batch.column_names:
        return batch[column]
    return pa.chunked_array([pa.nulls(len(batch))])


def _said(text: pa.ChunkedArray, column: ColumnProfile) -> pa.ChunkedArray:
    """Days in UTC where dates have a zone; whole numbers as TFX keeps them, 7 for 07."""
    if column.date_format is not None:
        points = parse_dates(text, DATE_FORMATS[column.date_format])
        assert points is not None  # noqa: S101 (for the type checker: the look found the format)
        return points.cast(pa.date32())
    if column.kind == "integer":
        return pa.chunked_array([[str(int(value)) for value in text.to_pylist()]], pa.string())
    return text
