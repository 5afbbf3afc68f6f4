"""Reads the rows of one file, or of all files that a folder or a pattern names, as one table."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.source import find_source
from huberflow.pipeline.deploy import tables
from huberflow.pipeline.deploy.tables import OpenTable, RowBatch


@contextmanager
def open_files(path: Path, rows: int = tables.ROWS) -> Iterator[OpenTable]:
    """The rows of a file, or of several in the order of their names, in batches.

    Args:
      path: a file, a folder or a pattern, CSV or Parquet.
      rows: the most in a batch.

    Raises:
      InputError: a file cannot be read, or has other columns than the first.
    """
    if path.is_file() or not (path.is_dir() or glob.has_magic(str(path))):
        with tables.open_table(path, rows) as table:
            yield table
        return
    files = find_source(path, "file").files
    schema = _schema_of_all(files)
    yield OpenTable(schema, _batches(files, schema, rows), tables.is_parquet(files[0]))


def _schema_of_all(files: tuple[Path, ...]) -> pa.Schema:
    """The first file's columns, each in the type that holds the values of all files."""
    schemas: list[pa.Schema] = []
    for file in files:
        with tables.open_table(file) as table:
            schemas.append(table.schema.remove_metadata())
        missing = [name for name in schemas[0].names if name not in schemas[-1].names]
        more = [name for name in schemas[-1].names if name not in schemas[0].names]
        if missing or more:
            received = f"no {missing[0]!r}" if missing else f"{more[0]!r} too"
            expected = f"the columns of {files[0].name}"
            raise InputError(str(file), expected=expected, received=received)
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise InputError(str(files[0].parent), expected="one table", received=reason) from error


def _batches(files: tuple[Path, ...], schema: pa.Schema, rows: int) -> Iterator[RowBatch]:
    sizes = [file.stat().st_size for file in files]
    read = 0
    for file, size in zip(files, sizes, strict=True):
        with tables.open_table(file, rows) as table:
            for batch in table.batches:
                unreadable = [
                    replace(row, reason=f"{file}: {row.reason}") for row in batch.unreadable
                ]
                done = (read + batch.done * size) / max(sum(sizes), 1)
                whole = batch.rows.select(schema.names).cast(schema)
                yield RowBatch(whole, batch.lines, unreadable, done, f"{file}: ")
        read += size
