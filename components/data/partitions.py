"""Columns that are written in the names of folders, as Hive and Spark do: ``year=2024/``."""

import re
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

_FOLDER = re.compile(r"[^=]+=.*")
_MISSING = "__HIVE_DEFAULT_PARTITION__"


def partition_values(file: Path) -> dict[str, str | None]:
    """The columns that the folders right above a file name, from the outermost; None is missing."""
    above = [*takewhile(_FOLDER.fullmatch, (folder.name for folder in file.absolute().parents))]
    parts = (name.partition("=") for name in reversed(above))
    return {unquote(key): None if value == _MISSING else unquote(value) for key, _, value in parts}


def with_partitions(file: Path, table: pa.Table) -> pa.Table:
    """Some rows of a file, with those columns as text; the file's own win."""
    for name, value in partition_values(file).items():
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), len(table)))
    return table


def partition_types(file: Path, names: Mapping[str, object]) -> dict[str, pa.DataType]:
    """The types of those columns that a file lacks: int64, string, or null."""
    values = partition_values(file)
    return {name: _type_of(values[name]) for name in values if name not in names}


def _type_of(value: str | None) -> pa.DataType:
    if value is None:
        return pa.null()
    return pa.int64() if re.fullmatch(r"-?(0|[1-9]\d{0,17})", value, re.ASCII) else pa.string()
