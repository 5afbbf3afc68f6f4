"""Reads CSV files as text, block by block; refuses what TFX would read differently."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pa_csv

from huberflow.components.data import csv_form, csv_records
from huberflow.components.data.csv_form import CsvForm
from huberflow.components.data.files import Source, decompressed, unreadable_file
from huberflow.components.data.partitions import with_partitions
from huberflow.custom_objects.input_error import InputError

BLOCK = 8 * 2**20
"""Bytes that are checked together."""

LONGEST_RECORD = 2**20
"""Bytes that a record may have before the search for its end stops."""


def read_batches(source: Source) -> Iterator[pa.Table]:
    """All rows of CSV files; null are empty fields, and those with a text of ``source.missing``.

    Raises:
      InputError: a file is damaged, or TFX would read it wrongly.
    """
    columns: Sequence[str] = ()
    for file in source.files:
        try:
            with file.open("rb") as raw:
                stream = decompressed(file, raw)
                form, header, sample = read_beginning(file, stream)
                columns = columns or form.names
                _check_same(source.files[0], columns, file, form.names)
                line = 1 + header.count(b"\n")
                for data in _records(file, stream, sample, line, form):
                    yield with_partitions(file, _table(file, data, form, source.missing))
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


def read_beginning(file: Path, stream: BinaryIO) -> tuple[CsvForm, bytes, bytes]:
    """The form of a file, its header, and the bytes below it that show the form.

    Raises:
      InputError: see ``csv_form.read_form``; or the file is empty.
    """
    header = _header(file, stream)
    sample = stream.read(csv_form.SAMPLE)
    return csv_form.read_form(file, header, sample), header, sample


def _header(file: Path, stream: BinaryIO) -> bytes:
    """The first line; with those after it as long as a quote is open."""
    header = stream.readline(LONGEST_RECORD)
    while header.count(b'"') % 2 and len(header) < LONGEST_RECORD:
        if not (more := stream.readline(LONGEST_RECORD)):
            raise csv_records.field_too_long(f"{file}, line 1")
        header += more
    if not header:
        raise InputError(str(file), expected="a header and rows", received="an empty file")
    return header


def _records(
    file: Path, stream: BinaryIO, sample: bytes, line: int, form: CsvForm
) -> Iterator[bytes]:
    """Whole records, checked, some megabytes at a time.

    Args:
      file: for errors.
      stream: what comes after ``sample``.
      sample: the first bytes.
      line: of the first record.
      form: of the file.
    """
    rest, ended = sample, False
    while not ended:
        block = stream.read(BLOCK)
        ended = not block
        rest += b"\n" if ended and rest else block
        length = csv_records.complete_length(rest)
        if length:
            data, rest = form.without_spaces(rest[:length]), rest[length:]
            csv_records.check_records(file, data, line, form)
            line += data.count(b"\n")
            yield data
        if rest and (ended or (not length and len(rest) > LONGEST_RECORD)):
            raise csv_records.field_too_long(f"{file}, line {line}")


def _table(file: Path, data: bytes, form: CsvForm, missing: Sequence[str]) -> pa.Table:
    behind = [""] if form.ends_in_delimiter else []
    text = dict.fromkeys([*form.names, *behind], pa.string())
    if not data.strip(b"\r\n"):  # Arrow refuses what has no row
        return pa.schema([(name, pa.string()) for name in form.names]).empty_table()
    table = pa_csv.read_csv(
        pa.BufferReader(_of_arrow(data)),
        read_options=pa_csv.ReadOptions(column_names=[*text], block_size=len(data)),
        parse_options=pa_csv.ParseOptions(delimiter=form.delimiter, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=text, null_values=["", *missing], strings_can_be_null=True
        ),
    )
    for name in behind:
        if values := table[name].drop_null().to_pylist():
            expected = f"nothing behind {form.names[-1]!r}, as in the first line"
            raise InputError(str(file), expected=expected, received=repr(values[0]))
    return table.select([*form.names])


def _of_arrow(data: bytes) -> pa.Buffer:
    """A copy in Arrow's own memory.

    Its threads still let go of the text after the rows are there; for Python's memory they need
    Python, and where that is ending meanwhile, the process aborts.
    """
    copy = pa.allocate_buffer(len(data))
    with pa.FixedSizeBufferWriter(copy) as writer:
        writer.write(data)
    return copy
