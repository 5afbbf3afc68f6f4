"""Reads Parquet files, batch by batch; refuses files whose columns differ."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from huberflow.components.data.arrow_types import plain_table
from huberflow.components.data.files import Source, check_unique, unreadable_file
from huberflow.custom_objects.input_error import InputError

ROWS = 2**16
"""In a batch."""


def read_batches(source: Source) -> Iterator[pa.Table]:
    """All rows of Parquet files.

    Raises:
      InputError: a file is damaged, or its columns are not those of the first file.
    """
    first: pa.Schema | None = None
    for file in source.files:
        try:
            with pq.ParquetFile(file) as table:
                first = first or table.schema_arrow
                _check_schema(source.files[0], first, file, table.schema_arrow)
                for batch in table.iter_batches(ROWS):
                    yield plain_table(str(file), pa.Table.from_batches([batch]))
        except (OSError, pa.ArrowException) as error:
            raise unreadable_file(file, error) from error


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
