"""Columns of CSV files in the types that TFX's reader gives them: those that hold all values."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from huberflow.components.data import csv_reading, numerals
from huberflow.components.data.files import Source, is_compressed

Types = Mapping[str, pa.DataType]
"""By column: one of ``_TYPES``."""

_TYPES = (pa.null(), pa.int64(), pa.float64(), pa.string())
"""Each holds the values of those before it."""


def infer_types(file: Path) -> Types:
    """What the rows of a file need."""
    found: dict[str, pa.DataType] = {}
    for table in _tables(file):
        for name in table.column_names:
            so_far = found.setdefault(name, pa.null())
            if so_far != pa.string():
                found[name] = _wider(so_far, _type(table[name]))
    return found


def common_types(found: Iterable[Types]) -> Types:
    """What the rows of all files need."""
    wide: dict[str, pa.DataType] = {}
    for each in found:
        for name, of_file in each.items():
            wide[name] = _wider(wide.get(name, pa.null()), of_file)
    return wide


def read_typed(file: Path, types: Types) -> Iterator[Mapping[str, pa.Array]]:
    """All rows, some megabytes at a time; null where nothing is."""
    for table in _tables(file):
        yield {name: _read(table[name], to) for name, to in types.items()}


def _tables(file: Path) -> Iterator[pa.Table]:
    source = Source("csv", (file,), is_compressed(file))
    return csv_reading.read_batches(source, on_bytes=lambda _: None)


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    return max(one, other, key=_TYPES.index)


def _type(texts: pa.ChunkedArray) -> pa.DataType:
    values = texts.unique().drop_null()
    if not len(values):
        return pa.null()
    read = numerals.read(values)
    return pa.string() if read.text.any() else pa.from_numpy_dtype(read.numbers.dtype)


def _read(texts: pa.ChunkedArray, to: pa.DataType) -> pa.Array:
    texts = texts.combine_chunks()
    if to == pa.null():
        return pa.nulls(len(texts))
    if to == pa.string():
        return texts
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    values = np.zeros(len(texts), np.int64 if to == pa.int64() else np.float64)
    values[present] = numerals.read(texts.drop_null()).numbers
    return pa.array(values, mask=~present)
