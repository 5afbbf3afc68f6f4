"""Finds out how a CSV file is written: its delimiter, and the columns' names in its first line."""

import csv
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huberflow.components.data import conversions
from huberflow.components.data.files import check_names
from huberflow.custom_objects.input_error import InputError

ROW_NAMES = "Unnamed: 0"
"""pandas' name for a first column without a name: the row names that R and pandas write."""

SAMPLE = 2**16
"""Bytes below the header that show which delimiter the rows have."""

_DELIMITERS = ",;\t|"
"""Where several fit, the one that makes the most columns, then the first."""

_ROWS = 20

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class CsvForm:
    """How a file is written."""

    names: tuple[str, ...]
    """The columns' names."""
    delimiter: str = ","
    spaces: bool = False
    """Whether blanks follow the delimiters, and belong to no field."""
    ends_in_delimiter: bool = False
    """Whether a delimiter stands behind the last column too."""

    @property
    def width(self) -> int:
        """The number of fields of a row."""
        return len(self.names) + self.ends_in_delimiter

    def without_spaces(self, rows: bytes) -> bytes:
        """Whole rows without the blanks that belong to no field."""
        if not self.spaces:
            return rows
        return re.sub(rb'("[^"]*")|(?<=[\n%s]) +|\A +' % self.delimiter.encode(), rb"\1", rows)


def read_form(file: Path, header: bytes, sample: bytes) -> CsvForm:
    """How a file is written.

    Args:
      file: its name, for errors.
      header: the first line; with those after it as long as a quote is open.
      sample: some bytes below it.

    Raises:
      InputError: the first line is no header, or the file is no CSV in UTF-8.
    """
    where = f"{file}, line 1"
    text = _header_text(file, where, header)
    if not text:
        raise InputError(where, expected="the names of columns", received="an empty line")
    rows = _lines(sample)[:_ROWS]
    delimiter = _delimiter([text, *rows])
    names = _fields([text], delimiter)[0]
    spaces = len(names) > 1 and all(name.startswith(" ") for name in names[1:])
    if spaces:
        names = _fields([text], delimiter, spaces=True)[0]
    if not _fit([text, *rows], delimiter)[0]:
        _refuse_preamble(file, where, text, rows)
    ends_in_delimiter = len(names) > 1 and names[-1] == ""
    names = names[:-1] if ends_in_delimiter else names
    names = [names[0] or ROW_NAMES, *names[1:]]
    _check_names(where, names, text)
    return CsvForm(tuple(names), delimiter, spaces, ends_in_delimiter)


def _header_text(file: Path, where: str, header: bytes) -> str:
    if found := conversions.by_content(file, header):
        what, command = found
        raise InputError(str(file), expected="CSV", received=what, write=command)
    if header.startswith(_UTF_16):
        raise not_utf_8(file, 1, "UTF-16")
    try:
        text = header.removeprefix(_UTF_8_MARK).decode().rstrip("\r\n").strip(" ")
    except UnicodeDecodeError as error:
        raise not_utf_8(file, 1, "latin1") from error
    if "\r" in text and '"' not in text:
        expected = r"lines that end in \n or \r\n"
        write = rf"tr '\r' '\n' < {shlex.quote(str(file))} > new.csv"
        raise InputError(where, expected=expected, received=r"\r alone", write=write)
    return text


def not_utf_8(file: Path, line: int, encoding: str) -> InputError:
    """The error for bytes that are no UTF-8, with what to write if they are of an encoding."""
    command = f"iconv -f {encoding} -t utf-8 {shlex.quote(str(file))} > new.csv"
    hint = f"if they are {encoding}, write: {command}"
    where = f"{file}, line {line}"
    return InputError(where, expected="UTF-8", received="other bytes", hint=hint)


def _lines(sample: bytes) -> list[str]:
    """The whole lines of a sample, but empty ones."""
    text = sample[: sample.rfind(b"\n") + 1].decode(errors="replace")
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return [line for line in lines if line]


def _fields(lines: Sequence[str], delimiter: str, *, spaces: bool = False) -> list[list[str]]:
    """The fields of each record, as far as the lines can be read."""
    records: list[list[str]] = []
    with suppress(csv.Error):  # a guess at the form; what reads all rows names the bad line
        records.extend(csv.reader(lines, delimiter=delimiter, skipinitialspace=spaces))
    return records or [[*lines[:1]]]


def _delimiter(lines: Sequence[str]) -> str:
    return max(_DELIMITERS, key=lambda delimiter: _fit(lines, delimiter))


def _fit(lines: Sequence[str], delimiter: str) -> tuple[bool, int]:
    """Whether all lines have as many fields as the first, and how many it has."""
    header, *rows = map(len, _fields(lines, delimiter))
    return header > 1 and all(width == header for width in rows), header


def _refuse_preamble(file: Path, where: str, first: str, rows: Sequence[str]) -> None:
    """Refuses lines above the names, which have one field, or far fewer than all lines below."""
    for place in range(len(rows) - 1):
        delimiter = _delimiter(rows[place:])
        widths = {len(record) for record in _fields(rows[place:], delimiter)}
        if len(widths) > 1 or widths == {1}:
            continue
        above = [first, *rows[:place]]
        found = {len(record) for record in _fields(above, delimiter)}
        if not all(width == 1 or width < max(widths) - 1 for width in found):
            return
        raise InputError(
            where,
            expected="the names of columns",
            received=short(first),
            hint=f"if they are in line {place + 2}, leave out the lines above",
            write=_from_line(file, place + 2),
        )


def _from_line(file: Path, line: int) -> str:
    if file.suffix.lower() == ".gz":
        return f"gunzip -c {shlex.quote(str(file))} | tail -n +{line} > new.csv"
    return f"tail -n +{line} {shlex.quote(str(file))} > new.csv"


def _check_names(where: str, names: Sequence[str], text: str) -> None:
    if "" in names:
        received = f"none for column {names.index('') + 1}"
        hint = "write one in the first line, or leave the column out"
        raise InputError(where, expected="a name for each column", received=received, hint=hint)
    if all(_is_number(name) for name in names):
        received, hint = f"numbers ({short(text)})", "write them as the first line"
        raise InputError(where, expected="the names of columns", received=received, hint=hint)
    check_names(where, names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def short(text: str) -> str:
    """The text in one line."""
    text = text.rstrip("\r\n")
    return repr(text if len(text) <= 60 else text[:57] + "...")
