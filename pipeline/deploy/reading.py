"""Reads tables from files, a batch of rows at a time: CSV or Parquet, as the file's name says."""

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 8192
"""In a batch: as many as a small model predicts in some milliseconds."""

_SUFFIXES = (".csv", ".csv.gz", ".parquet")

_UNREADABLE = (OSError, EOFError, zlib.error, csv.Error, UnicodeError, pa.ArrowException)


class TableError(ValueError):
    """A file that cannot be read or written; the message says what was expected."""


@dataclass(frozen=True)
class BadRow:
    """A row that is left out."""

    line: int
    """Of the file, where its header is 1; in Parquet its row, from 1."""
    reason: str
    text: str
    """All of it, as CSV."""


@dataclass(frozen=True)
class Batch:
    """Some rows of a file, in order."""

    rows: pa.Table
    lines: Sequence[int]
    """Of each row, see ``BadRow``."""
    unreadable: Sequence[BadRow]
    """Rows between them that do not fit the header."""
    done: float
    """How much of the file has been read, from 0 to 1."""


@dataclass(frozen=True)
class Table:
    """A file that is open."""

    schema: pa.Schema
    """Of CSV all is text, as it stands in the file."""
    batches: Iterator[Batch]


def is_parquet(path: Path) -> bool:
    """Whether the file's name says so; else it is CSV.

    Raises:
      TableError: it is neither.
    """
    if not path.name.lower().endswith(_SUFFIXES):
        raise TableError(f"expected a file {', '.join(_SUFFIXES)}, received {path}")
    return path.suffix.lower() == ".parquet"


@contextmanager
def opened(path: Path, rows: int = ROWS) -> Iterator[Table]:
    """The file's rows, in batches of so many.

    Raises:
      TableError: it cannot be read, also later, or its columns' names are not unique.
    """
    parquet = is_parquet(path)
    with _explained(path):
        file = path.open("rb")
    with file:
        with _explained(path):
            table = (_parquet if parquet else _csv)(path, file, rows)
        names = table.schema.names
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise TableError(f"{path}: expected each column once, received two of {twice[0]!r}")
        yield replace(table, batches=_readable(path, table.batches))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise TableError(f"{path}: cannot be read: {error}") from error


def _readable(path: Path, batches: Iterator[Batch]) -> Iterator[Batch]:
    with _explained(path):
        yield from batches


# -- CSV -------------------------------------------------------------------------------------------


def _csv(path: Path, file: BinaryIO, rows: int) -> Table:
    lines = _Lines(file, path.suffix)
    reader = csv.reader(lines, strict=True)
    header = next(reader, [])
    if not header:
        raise TableError(f"{path}: expected the names of columns in line 1, received none")
    schema = pa.schema([(name, pa.string()) for name in header])
    return Table(schema, _csv_batches(_records(reader, lines, len(header)), lines, schema, rows))


class _Lines:
    """The lines of a file, and those of the row at hand."""

    def __init__(self, file: BinaryIO, suffix: str) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        plain = gzip.GzipFile(fileobj=file) if suffix.lower() == ".gz" else file
        # A byte that is no UTF-8 spoils its row alone; Excel's mark at the beginning, none.
        self._text = io.TextIOWrapper(plain, "utf-8-sig", "surrogateescape", newline="")
        self._row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self._row.append(line)
        return line

    def begin_row(self) -> None:
        """What comes is another row."""
        self._row.clear()

    @property
    def row(self) -> str:
        """The row as it stands in the file; a byte that is no UTF-8 shows by its number."""
        text = "".join(self._row).rstrip("\r\n")
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")

    @property
    def done(self) -> float:
        """How much of the file has been read, from 0 to 1."""
        return self._file.tell() / self._size


_Record = tuple[int, list[str]] | BadRow
"""A row's line and fields."""


def _records(reader: Any, lines: _Lines, width: int) -> Iterator[_Record]:
    """The rows below the header, each with its line; an empty line is none."""
    while True:
        line = reader.line_num + 1
        lines.begin_row()
        try:
            fields = next(reader)
            "".join(fields).encode()
        except StopIteration:
            return
        except csv.Error as error:  # such as a quote that nothing closes; it goes on after it
            yield BadRow(line, f"expected CSV, received: {error}", lines.row)
        except UnicodeEncodeError:
            yield BadRow(line, "expected text in UTF-8", lines.row)
        else:
            if len(fields) == width:
                yield line, fields
            elif fields:
                reason = f"expected {width} fields, received {len(fields)}"
                yield BadRow(line, reason, lines.row)


def _csv_batches(
    records: Iterator[_Record], lines: _Lines, schema: pa.Schema, rows: int
) -> Iterator[Batch]:
    while some := [*islice(records, rows)]:
        bad = [record for record in some if isinstance(record, BadRow)]
        good = [record for record in some if not isinstance(record, BadRow)]
        columns = zip(*(fields for _, fields in good), strict=True) if good else [[]] * len(schema)
        arrays = [pa.array(column, pa.string()) for column in columns]
        table = pa.Table.from_arrays(arrays, schema=schema)
        yield Batch(table, [line for line, _ in good], bad, lines.done)


# -- Parquet ---------------------------------------------------------------------------------------


def _parquet(path: Path, file: BinaryIO, rows: int) -> Table:
    source = pq.ParquetFile(file)
    return Table(source.schema_arrow, _parquet_batches(source, rows))


def _parquet_batches(source: pq.ParquetFile, rows: int) -> Iterator[Batch]:
    read = 0
    for batch in source.iter_batches(rows):
        lines = range(read + 1, read + 1 + len(batch))
        read += len(batch)
        yield Batch(pa.Table.from_batches([batch]), lines, [], read / source.metadata.num_rows)
