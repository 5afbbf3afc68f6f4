"""Reads columns of CSV files in the types that TFX's reader infers, which hold all values.

Among numbers and booleans, marks such as ``NA`` are missing values; see ``contracts.missing``.
Booleans are the texts ``true`` and ``false``, as from Parquet.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.data import booleans, csv_reading, missing, numerals
from huberflow.components.data.files import Source

ColumnTypes = Mapping[str, pa.DataType]
"""For each column null, int64, double, bool or string."""

_NUMBERS = (pa.null(), pa.int64(), pa.float64())
"""Each holds the values of those before it; a string holds any, and so a boolean with a number."""


def infer_types(
    file: Path, absent: tuple[str, ...] = (), texts: Collection[str] = ()
) -> ColumnTypes:
    """The types that hold all rows of a file.

    Args:
      file: CSV.
      absent: texts that are missing values everywhere.
      texts: columns that are text, whatever they hold.
    """
    types: dict[str, pa.DataType] = dict.fromkeys(texts, pa.string())
    for table in csv_reading.read_batches(Source("csv", (file,), absent)):
        open_ = {name: table[name] for name in table.column_names if types.get(name) != pa.string()}
        types |= common_types([types, {name: _type_of(each) for name, each in open_.items()}])
    return types


def common_types(types: Iterable[ColumnTypes]) -> ColumnTypes:
    """The types that hold the rows of all files."""
    widest: dict[str, pa.DataType] = {}
    for each in types:
        for name, other in each.items():
            widest[name] = _wider(widest.get(name, pa.null()), other)
    return widest


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or other == pa.null():
        return one
    if one == pa.null():
        return other
    return max(one, other, key=_NUMBERS.index) if {one, other} <= {*_NUMBERS} else pa.string()


def read_typed(
    file: Path, types: ColumnTypes, absent: tuple[str, ...] = ()
) -> Iterator[Mapping[str, pa.Array]]:
    """All rows, some megabytes at a time; null are empty fields, and marks where no words are.

    Args:
      file: CSV.
      types: of the columns.
      absent: texts that are missing values everywhere.
    """
    for table in csv_reading.read_batches(Source("csv", (file,), absent)):
        yield {name: _as_type(table[name].combine_chunks(), to) for name, to in types.items()}


def _type_of(texts: pa.ChunkedArray) -> pa.DataType:
    values = texts.unique()
    values = values.filter(pc.invert(missing.are_marks(values)))
    if not len(values):
        return pa.null()
    if booleans.are_booleans(values):
        return pa.bool_()
    parsed = numerals.parse(values)
    return pa.string() if parsed.is_text.any() else pa.from_numpy_dtype(parsed.numbers.dtype)


def _as_type(texts: pa.StringArray, to: pa.DataType) -> pa.Array:
    if to == pa.null():
        return pa.nulls(len(texts))
    if to == pa.string():
        return texts
    if to == pa.bool_():
        return pc.if_else(missing.are_marks(texts), None, booleans.as_words(texts))
    present = ~missing.are_marks(texts).to_numpy(zero_copy_only=False)
    values = np.zeros(len(texts), to.to_pandas_dtype())
    values[present] = numerals.parse(texts.filter(pa.array(present))).numbers
    return pa.array(values, mask=~present)
