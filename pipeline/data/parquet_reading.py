"""Reads Parquet files, batch by batch; files that do not go together are refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from huberflow.components.data.files import DataError, Source, unreadable_file
from huberflow.pipeline.data.plain import plain

ROWS = 2**16
"""In a batch."""


def read_batches(source: Source, on_bytes: Callable[[int], None]) -> Iterator[pa.Table]:
    """All rows.

    Args:
      source: of Parquet files.
      on_bytes: told how much of all files is read.

    Raises:
      DataError: a file is damaged, or is not like the first one.
    """
    before = 0
    first: pa.Schema | None = None
    for file in source.files:
        size = file.stat().st_size
        try:
            with pq.ParquetFile(file) as table:
                schema = table.schema_arrow
                first = first or schema
                _check_schema(source.files[0], first, file, schema)
                read = 0
                for batch in table.iter_batches(ROWS):
                    read += len(batch)
                    on_bytes(before + size * read // table.metadata.num_rows)
                    yield plain(str(file), pa.Table.from_batches([batch]))
        except (OSError, pa.ArrowException) as error:
            raise unreadable_file(file, error) from error
        before += size


def _check_schema(first: Path, expected: pa.Schema, file: Path, received: pa.Schema) -> None:
    twice = [name for name in received.names if received.names.count(name) > 1]
    if twice:
        raise DataError(
            f"{file}: expected each column once, received two of {twice[0]!r}; rename one"
        )
    for name in dict.fromkeys([*expected.names, *received.names]):
        types = [_type(schema, name) for schema in (expected, received)]
        if types[0] != types[1]:
            raise DataError(
                f"{file}: expected the columns of {first.name}, where {name} is {types[0]}, "
                f"received {types[1]}"
            )


def _type(schema: pa.Schema, name: str) -> str:
    return str(schema.field(name).type) if name in schema.names else "no column"
