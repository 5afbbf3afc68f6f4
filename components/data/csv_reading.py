"""Reads CSV files as text, block by block; refuses what TFX would read differently."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from huberflow.components.data import csv_records
from huberflow.components.data.files import Source, decompressed, unreadable_file
from huberflow.custom_objects.input_error import InputError

BLOCK = 8 * 2**20
"""Bytes that are checked together."""

LONGEST_RECORD = 2**20
"""Bytes that a record may have before the search for its end stops."""


def read_batches(source: Source) -> Iterator[pa.Table]:
    """All rows of CSV files; empty fields are null.

    Raises:
      InputError: a file is damaged, or TFX would read it wrongly.
    """
    columns: list[str] = []
    for file in source.files:
        try:
            with file.open("rb") as raw:
                stream = decompressed(file, raw)
                header = stream.readline(LONGEST_RECORD)
                if not header:
                    expected, received = "a header and rows", "an empty file"
                    raise InputError(str(file), expected=expected, received=received)
                names = csv_records.column_names(file, header)
                columns = columns or names
                _check_same(source.files[0], columns, file, names)
                for data in _records(file, stream, columns):
                    yield _table(data, columns)
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable_file(file, error) from error


def _check_same(first: Path, columns: Sequence[str], file: Path, names: Sequence[str]) -> None:
    for expected, received in zip([*columns, None], [*names, None], strict=False):
        if expected != received:
            raise InputError(
                f"{file}, line 1",
                expected=f"the columns of {first.name} in their order",
                received=f"{received or 'none'} where it has {expected or 'none'}",
            )


def _records(file: Path, stream: BinaryIO, columns: Sequence[str]) -> Iterator[bytes]:
    """Whole records, checked, some megabytes at a time."""
    rest, line, ended = b"", 2, False
    while not ended:
        block = stream.read(BLOCK)
        ended = not block
        rest += b"\n" if ended and rest else block
        length = csv_records.complete_length(rest)
        if length < len(rest) and (ended or (not length and len(rest) > LONGEST_RECORD)):
            raise csv_records.field_too_long(f"{file}, line {line}")
        if length:
            data, rest = rest[:length], rest[length:]
            csv_records.check_records(file, data, line, columns)
            line += data.count(b"\n")
            yield data


def _table(data: bytes, columns: Sequence[str]) -> pa.Table:
    text = dict.fromkeys(columns, pa.string())
    if not data.strip(b"\r\n"):  # Arrow refuses what has no row
        return pa.schema(text.items()).empty_table()
    return pa_csv.read_csv(
        pa.BufferReader(_of_arrow(data)),
        read_options=pa_csv.ReadOptions(column_names=columns, block_size=len(data)),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=text, null_values=[""], strings_can_be_null=True
        ),
    )


def _of_arrow(data: bytes) -> pa.Buffer:
    """A copy in Arrow's own memory.

    Its threads still let go of the text after the rows are there; for Python's memory they need
    Python, and where that is ending meanwhile, the process aborts.
    """
    copy = pa.allocate_buffer(len(data))
    with pa.FixedSizeBufferWriter(copy) as writer:
        writer.write(data)
    return copy
