"""Reads columns of Parquet files in types that hold the values of all files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from huberflow.components.data import missing
from huberflow.components.data.arrow_types import PLAIN, plain_type
from huberflow.components.data.csv_columns import ColumnTypes
from huberflow.components.data.partitions import partition_types, with_partitions


def column_types(file: Path) -> ColumnTypes:
    """The plain types of a file's columns.

    A column that ``tf.Example`` cannot hold as one value a row has none: lists, structures, bytes,
    times, durations.
    """
    types = stored_types(file)
    return {name: plain_type(each) for name, each in types.items() if plain_type(each) in PLAIN}


def stored_types(file: Path) -> ColumnTypes:
    """The types of a file's columns, those in the names of its folders too."""
    schema = pq.read_schema(file)
    types = dict(zip(schema.names, schema.types, strict=True))
    return {**types, **partition_types(file, types)}


def read_typed(
    file: Path, types: ColumnTypes, rows: int, absent: Sequence[str] = ()
) -> Iterator[Mapping[str, pa.Array]]:
    """All rows, some at a time, in these types of ``PLAIN``; other columns are not read.

    Args:
      file: Parquet.
      types: of the columns.
      rows: in a batch.
      absent: texts that are missing values.
    """
    with pq.ParquetFile(file) as table:
        stored = [name for name in table.schema_arrow.names if name in types]
        for batch in table.iter_batches(rows, columns=stored):
            whole = with_partitions(file, pa.Table.from_batches([batch]))
            typed = pa.table({name: _as_type(whole, name, to) for name, to in types.items()})
            columns = missing.without(typed, absent)
            yield {name: columns[name].combine_chunks() for name in types}


def _as_type(table: pa.Table, name: str, to: pa.DataType) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), to)
    column = table[name].combine_chunks()
    return column.cast(plain_type(column.type)).cast(to)
