"""Reads and writes tables, a batch of rows at a time: CSV or Parquet, by the file's name.

Not the reader of ``pipeline.data``: that one refuses a file for one bad row and knows no line of a
good one. Here a bad row is reported by its line, the others are predicted, and every field is
carried over as it stands in the file.
"""

import csv
import gzip
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from huberflow.components.data import csv_reading
from huberflow.components.data.csv_form import CsvForm
from huberflow.components.data.files import (
    check_unique,
    decompressed,
    is_compressed,
    unreadable_file,
)
from huberflow.components.data.partitions import with_partitions
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.atomic_write import written_atomically

if TYPE_CHECKING:
    from _csv import Reader

ROWS = 8192
"""In a batch: as many as a small model predicts in some milliseconds."""

_SUFFIXES = (".csv", ".csv.gz", ".parquet")

_UNREADABLE = (OSError, EOFError, zlib.error, csv.Error, UnicodeError, pa.ArrowException)


@dataclass(frozen=True)
class BadRow:
    """A row without a prediction."""

    line: int
    """The row's line in the file, the header's being 1; in Parquet its number, from 1."""
    reason: str
    text: str
    """The whole row, as CSV."""


@dataclass(frozen=True)
class RowBatch:
    """Some rows of a file, in order."""

    rows: pa.Table
    lines: Sequence[int]
    """The line of each row, see ``BadRow``."""
    unreadable: Sequence[BadRow]
    """Rows between them that do not fit the header."""
    done: float
    """The share of the file that has been read, from 0 to 1."""
    where: str = ""
    """What the reason of a bad row begins with: its file, where there are several."""


@dataclass(frozen=True)
class OpenTable:
    """An open file of rows."""

    schema: pa.Schema
    """In CSV all columns are text, as it stands in the file."""
    batches: Iterator[RowBatch]
    has_types: bool
    """Whether it is Parquet, and not text alone."""


def is_parquet(path: Path) -> bool:
    """Whether a file's name is one of Parquet; otherwise it is one of CSV.

    Raises:
      InputError: it is neither.
    """
    if not path.name.lower().endswith(_SUFFIXES):
        expected = f"a name that ends in {', '.join(_SUFFIXES)}"
        raise InputError("file", expected=expected, received=str(path))
    return path.suffix.lower() == ".parquet"


@contextmanager
def open_table(path: Path, rows: int = ROWS) -> Iterator[OpenTable]:
    """The file's rows, in batches of at most ``rows``.

    Raises:
      InputError: the file cannot be read, at once or later, or two columns have one name.
    """
    open_rows = _open_parquet if is_parquet(path) else _open_csv
    with _read_errors(path):
        file = path.open("rb")
    with file:
        with _read_errors(path):
            table = open_rows(path, file, rows)
        check_unique(str(path), table.schema.names)
        schema = with_partitions(path, table.schema.empty_table()).schema
        yield OpenTable(schema, _checked(path, table.batches), table.has_types)


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise unreadable_file(path, error) from error


def _checked(path: Path, batches: Iterator[RowBatch]) -> Iterator[RowBatch]:
    with _read_errors(path):
        for batch in batches:
            yield replace(batch, rows=with_partitions(path, batch.rows))


# -- CSV -------------------------------------------------------------------------------------------


def _open_csv(path: Path, file: BinaryIO, rows: int) -> OpenTable:
    form, _, _ = csv_reading.read_beginning(path, decompressed(path, file))
    file.seek(0)
    lines = _Lines(path, file)
    reader = csv.reader(lines, delimiter=form.delimiter, skipinitialspace=form.spaces, strict=True)
    next(reader)
    schema = pa.schema([(name, pa.string()) for name in form.names])
    records = _records(reader, lines, form)
    return OpenTable(schema, _csv_batches(records, lines, schema, rows), has_types=False)


class _Lines:
    """The lines of a file, and those of the current row."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        # A byte that is no UTF-8 spoils its row alone; Excel's mark at the beginning, none.
        stream = decompressed(path, file)
        self._text = io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="")
        self._row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self._row.append(line)
        return line

    def begin_row(self) -> None:
        """Forgets the lines of the row before."""
        self._row.clear()

    @property
    def row(self) -> str:
        """The row as it stands in the file; a byte that is no UTF-8 shows by its number."""
        text = "".join(self._row).rstrip("\r\n")
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")

    @property
    def done(self) -> float:
        """The share of the file that has been read, from 0 to 1."""
        return self._file.tell() / self._size


_Record = tuple[int, list[str]] | BadRow
"""A row's line and fields."""


def _records(reader: "Reader", lines: _Lines, form: CsvForm) -> Iterator[_Record]:
    """The rows below the header, each with its line; empty lines are skipped."""
    while True:
        line = reader.line_num + 1
        lines.begin_row()
        try:
            fields = next(reader)
            "".join(fields).encode()
        except StopIteration:
            return
        except csv.Error as error:  # such as an open quote; reading continues after it
            yield BadRow(line, f"expected CSV, received: {error}", lines.row)
        except UnicodeEncodeError:
            yield BadRow(line, "expected text in UTF-8", lines.row)
        else:
            if len(fields) == form.width and not any(fields[len(form.names) :]):
                yield line, fields[: len(form.names)]
            elif fields:
                reason = f"expected {len(form.names)} fields, received {len(fields)}"
                yield BadRow(line, reason, lines.row)


def _csv_batches(
    records: Iterator[_Record], lines: _Lines, schema: pa.Schema, rows: int
) -> Iterator[RowBatch]:
    while some := [*islice(records, rows)]:
        bad = [record for record in some if isinstance(record, BadRow)]
        good = [record for record in some if not isinstance(record, BadRow)]
        columns = zip(*(fields for _, fields in good), strict=True) if good else [[]] * len(schema)
        arrays = [pa.array(column, pa.string()) for column in columns]
        table = pa.Table.from_arrays(arrays, schema=schema)
        yield RowBatch(table, [line for line, _ in good], bad, lines.done)


# -- Parquet ---------------------------------------------------------------------------------------


def _open_parquet(_: Path, file: BinaryIO, rows: int) -> OpenTable:
    table = pq.ParquetFile(file)

    def batches() -> Iterator[RowBatch]:
        read = 0
        for batch in table.iter_batches(rows):
            lines = range(read + 1, read + 1 + len(batch))
            read += len(batch)
            done = read / table.metadata.num_rows
            yield RowBatch(pa.Table.from_batches([batch]), lines, [], done)

    return OpenTable(table.schema_arrow, batches(), has_types=True)


# -- Writing ---------------------------------------------------------------------------------------


@contextmanager
def table_writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], object]]:
    """A function that writes rows; the file appears whole, after the block.

    Raises:
      InputError: the file cannot be written there.
    """
    parquet = is_parquet(path)
    if path.is_dir() or not path.parent.is_dir():
        raise InputError("file", expected="a file in a folder that exists", received=str(path))
    with written_atomically(path) as temporary:
        if parquet:
            with pq.ParquetWriter(temporary, schema) as writer:
                yield writer.write_table
        else:
            open_text = gzip.open if is_compressed(path) else open
            with cast(TextIO, open_text(temporary, "wt", encoding="utf-8", newline="")) as file:
                file.write(_lines([[name] for name in schema.names]))
                yield lambda rows: file.write(csv_lines(rows))


def csv_lines(rows: pa.Table) -> str:
    """Rows as lines of CSV, without a header."""
    return _lines([_texts(column) for column in rows.columns])


def _lines(columns: Sequence[Sequence[str]], quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> str:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n", quoting=quoting).writerows(zip(*columns, strict=True))
    if "\r" in lines.getvalue() and quoting == csv.QUOTE_MINIMAL:
        # Python left it without quotes, where every reader takes it for the end of a line.
        return _lines(columns, csv.QUOTE_ALL)
    return lines.getvalue()


def _texts(column: pa.ChunkedArray) -> list[str]:
    """Empty where missing; a float32 in as few digits as identify it."""
    try:
        return cast(list[str], column.cast(pa.string()).fill_null("").to_pylist())
    except pa.ArrowException:  # lists and the like, and bytes that are no text
        values = column.to_pylist()
        return ["" if value is None else json.dumps(value, default=repr) for value in values]
