"""Reads Parquet files, batch by batch; refuses files whose columns differ."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from huberflow.components.data.arrow_types import plain_table
from huberflow.components.data.files import Source, check_unique, unreadable_file
from huberflow.custom_objects.input_error import InputError

ROWS = 2**16
"""In a batch."""


def read_batches(source: Source, on_bytes: Callable[[int], None]) -> Iterator[pa.Table]:
    """All rows.

    Args:
      source: of Parquet files.
      on_bytes: gets the number of bytes read so far, of all files.

    Raises:
      InputError: a file is damaged, or its columns are not those of the first file.
    """
    before = 0
    first: pa.Schema | None = None
    for file in source.files:
        size = file.stat().st_size
        try:
            with pq.ParquetFile(file) as table:
                first = first or table.schema_arrow
                _check_schema(source.files[0], first, file, table.schema_arrow)
                for batch, done in batches_of(table, ROWS):
                    on_bytes(before + int(size * done))
                    yield plain_table(str(file), batch)
        except (OSError, pa.ArrowException) as error:
            raise unreadable_file(file, error) from error
        before += size


def batches_of(table: pq.ParquetFile, rows: int) -> Iterator[tuple[pa.Table, float]]:
    """The rows of a file in batches of ``rows``, each with the share of the file read, 0 to 1."""
    read = 0
    for batch in table.iter_batches(rows):
        read += len(batch)
        yield pa.Table.from_batches([batch]), read / table.metadata.num_rows


def _check_schema(first: Path, expected: pa.Schema, file: Path, received: pa.Schema) -> None:
    check_unique(str(file), received.names)
    for name in dict.fromkeys([*expected.names, *received.names]):
        wanted, found = (_type_name(schema, name) for schema in (expected, received))
        if wanted != found:
            raise InputError(
                str(file),
                expected=f"the columns of {first.name}, where {name} is {wanted}",
                received=found,
            )


def _type_name(schema: pa.Schema, name: str) -> str:
    return str(schema.field(name).type) if name in schema.names else "no column"
