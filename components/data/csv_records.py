"""Checks that TFX's CSV reader would read the records of a file as they are meant.

That reader splits the first line at commas, in quotes or not, and takes it for the header. Below
it, a record ends with the line in which its quotes are even; ``csv.reader`` reads one from that
text alone, again and again if a quote is still open at its end. Records that it would read wrongly,
or fail on later, are refused with their line.
"""

import csv
import json
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from huberflow.components.data.files import check_unique
from huberflow.custom_objects.input_error import InputError

_NEWLINE, _RETURN, _QUOTE, _COMMA = b'\n\r",'

_DELIMITERS = {";": ";", "\t": "\\t", "|": "|"}
"""Other delimiters of files named .csv, and how Python writes them."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"


def column_names(file: Path, header: bytes) -> list[str]:
    """The columns' names, from the first line.

    Raises:
      InputError: it is no header, or TFX would read other names from it.
    """
    where = f"{file}, line 1"
    text = _header_text(file, where, header).strip()
    names = text.split(",")
    refused = partial(InputError, where)
    if names == [""]:
        raise refused(expected="the names of columns", received="an empty line")
    for delimiter, written in _DELIMITERS.items() if len(names) == 1 else ():
        if delimiter in text:
            read = f'pandas.read_csv({json.dumps(str(file))}, sep="{written}")'
            code = f'import pandas; {read}.to_csv("new.csv", index=False)'
            write = shlex.join(["python", "-c", code])
            expected = "columns separated by commas"
            raise refused(expected=expected, received=f"'{written}'", write=write)
    if '"' in text:
        expected = "names without quotes, which TFX takes for part of them"
        write = f"sed -i '1s/\"//g' {shlex.quote(str(file))}"
        raise refused(expected=expected, received=_short(text), write=write)
    if "" in names:
        received = f"none for column {names.index('') + 1}"
        hint = "with pandas, write: to_csv(path, index=False)"
        raise refused(expected="a name for each column", received=received, hint=hint)
    if all(_is_number(name) for name in names):
        received, hint = f"numbers ({_short(text)})", "write them as the first line"
        raise refused(expected="the names of columns", received=received, hint=hint)
    check_unique(where, names)
    return names


def _header_text(file: Path, where: str, header: bytes) -> str:
    if header.startswith(_UTF_16):
        raise _not_utf_8(file, 1, "UTF-16")
    if header.startswith(_UTF_8_MARK):
        received = "a byte order mark before it"
        write = rf"sed -i '1s/^\xEF\xBB\xBF//' {shlex.quote(str(file))}"
        raise InputError(where, expected="the first column's name", received=received, write=write)
    try:
        text = header.decode()
    except UnicodeDecodeError as error:
        raise _not_utf_8(file, 1, "latin1") from error
    if "\r" in text.rstrip("\r\n"):
        expected = r"lines that end in \n or \r\n"
        write = rf"tr '\r' '\n' < {shlex.quote(str(file))} > new.csv"
        raise InputError(where, expected=expected, received=r"\r alone", write=write)
    return text


def _not_utf_8(file: Path, line: int, encoding: str) -> InputError:
    command = f"iconv -f {encoding} -t utf-8 {shlex.quote(str(file))} > new.csv"
    hint = f"if they are {encoding}, write: {command}"
    where = f"{file}, line {line}"
    return InputError(where, expected="UTF-8", received="other bytes", hint=hint)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def complete_length(data: bytes) -> int:
    """The number of bytes of complete records in ``data``, which begins with one."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    letters = np.frombuffer(data, np.uint8)
    ends = _outside(np.flatnonzero(letters == _NEWLINE), np.flatnonzero(letters == _QUOTE))
    return int(ends[-1]) + 1 if len(ends) else 0


def check_records(file: Path, data: bytes, line: int, columns: Sequence[str]) -> None:
    """Checks whole records, the first of which begins in ``line``.

    Raises:
      InputError: TFX would read one of them wrongly, or not at all.
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        bad = line + data.count(b"\n", 0, error.start)
        raise _not_utf_8(file, bad, "latin1") from error
    letters = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(letters == _NEWLINE)
    quotes = np.flatnonzero(letters == _QUOTE)
    ends = _outside(newlines, quotes)
    starts = np.concatenate([[0], ends[:-1] + 1])
    for record in _suspects(letters, starts, ends, quotes, len(columns)):
        start, end = int(starts[record]), int(ends[record])
        where = f"{file}, line {line + int(np.searchsorted(newlines, start))}"
        _check_record(where, data[start : end + 1].decode(), columns)


def _outside(places: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The places behind an even number of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


def _suspects(
    letters: np.ndarray, starts: np.ndarray, ends: np.ndarray, quotes: np.ndarray, width: int
) -> np.ndarray:
    """The numbers of the records that need a closer check."""
    commas = _outside(np.flatnonzero(letters == _COMMA), quotes)
    widths = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    lengths = ends - starts
    empty = (lengths == 0) | ((lengths == 1) & (letters[starts] == _RETURN))
    odd = ((widths != width) & ~empty) | (lengths > csv.field_size_limit())
    places = np.concatenate([_odd_quotes(letters, quotes), _lone_returns(letters, quotes)])
    odd[np.searchsorted(ends, places)] = True
    return np.flatnonzero(odd)


def _odd_quotes(letters: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The places of quotes that are neither at the border of a field nor doubled."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = letters[np.maximum(opening - 1, 0)]
    after = letters[closing + 1]
    at_start = (opening == 0) | np.isin(before, [_COMMA, _NEWLINE, _QUOTE])
    at_end = np.isin(after, [_COMMA, _NEWLINE, _RETURN, _QUOTE])
    return np.concatenate([opening[~at_start], closing[~at_end]])


def _lone_returns(letters: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The places of carriage returns that end no line."""
    returns = _outside(np.flatnonzero(letters == _RETURN), quotes)
    return returns[~np.isin(letters[returns + 1], [_NEWLINE, _RETURN])]


def _check_record(where: str, record: str, columns: Sequence[str]) -> None:
    """Reads a record as TFX does."""
    reader = csv.reader([record, ""])
    try:
        fields = next(reader)
    except csv.Error as error:
        if len(record) > csv.field_size_limit():
            raise field_too_long(where) from error
        raise InputError(where, expected="CSV", received=f"{_short(record)} ({error})") from error
    if reader.line_num > 1:
        expected = "quotes around whole fields"
        hint = 'write a quote inside a field twice, and the field in quotes: "5"" pipe"'
        raise InputError(where, expected=expected, received=_short(record), hint=hint)
    if fields and len(fields) != len(columns):
        expected = f"{len(columns)} fields, as in the header"
        raise InputError(where, expected=expected, received=f"{len(fields)}: {_short(record)}")


def field_too_long(where: str) -> InputError:
    """The error for a record whose end is too far away."""
    expected = f"a field of at most {csv.field_size_limit():,} characters"
    received = "a longer one, or a quote that nothing closes"
    return InputError(where, expected=expected, received=received)


def _short(text: str) -> str:
    """The text in one line."""
    text = text.rstrip("\r\n")
    return repr(text if len(text) <= 60 else text[:57] + "...")
