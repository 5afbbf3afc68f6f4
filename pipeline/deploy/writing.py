"""Writes tables to files: CSV or Parquet, by the file's name."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.reading import is_parquet
from huberflow.pipeline.system.atomic_write import written_atomically


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
            with _encoded(temporary, path.suffix) as file:
                yield _csv_writer(file, schema)


def csv_lines(rows: pa.Table) -> str:
    """Rows as lines of CSV, without a header."""
    return _lines([_texts(column) for column in rows.columns])


def _encoded(path: Path, suffix: str) -> TextIO:
    write = gzip.open if suffix.lower() == ".gz" else open
    return cast(TextIO, write(path, "wt", encoding="utf-8", newline=""))


def _csv_writer(file: TextIO, schema: pa.Schema) -> Callable[[pa.Table], object]:
    file.write(_lines([[name] for name in schema.names]))
    return lambda rows: file.write(csv_lines(rows))


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
