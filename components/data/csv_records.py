"""Tells whether TFX's CSV reader would take the records of a file as they are meant.

That reader takes the first line for the header and splits it at commas, quotes or not. Below it, a
record ends with the line in which its quotes are even; one is read by ``csv.reader`` from that text
alone, over and over where a quote is still open at its end. What it would read wrongly, or fail on
later, is refused here with its line.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from huberflow.components.data.files import DataError

_NEWLINE, _RETURN, _QUOTE, _COMMA = b'\n\r",'

_DELIMITERS = {";": ";", "\t": "\\t", "|": "|"}
"""Others that are seen in files named .csv, and how a shell writes them."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"


def names(file: Path, header: bytes) -> list[str]:
    """The columns' names, from the first line.

    Raises:
      DataError: it is no header, or TFX would read other names from it.
    """
    text = _header_text(file, header)
    found = text.strip().split(",")
    if found == [""]:
        raise DataError(f"{file}, line 1: expected the names of columns, received an empty line")
    if len(found) == 1:
        _refuse_delimiter(file, found[0])
    if '"' in text:
        raise DataError(
            f"{file}, line 1: expected names without quotes, which TFX takes for part of them, "
            f"received {_short(text.strip())}; write: sed -i '1s/\"//g' {file}"
        )
    if "" in found:
        raise DataError(
            f"{file}, line 1: expected a name for each column, received none for column "
            f"{found.index('') + 1}; with pandas, write: to_csv(path, index=False)"
        )
    if all(_is_number(name) for name in found):
        raise DataError(
            f"{file}, line 1: expected the names of columns, received numbers "
            f"({_short(text.strip())}); write them as the first line"
        )
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if twice:
        raise DataError(
            f"{file}, line 1: expected each column once, received two of {twice[0]!r}; rename one"
        )
    return found


def _header_text(file: Path, header: bytes) -> str:
    if header.startswith(_UTF_16):
        raise _not_utf_8(file, 1, "UTF-16")
    if header.startswith(_UTF_8_MARK):
        raise DataError(
            f"{file}, line 1: expected the first column's name, received a byte order mark before "
            rf"it; write: sed -i '1s/^\xEF\xBB\xBF//' {file}"
        )
    try:
        text = header.decode()
    except UnicodeDecodeError as error:
        raise _not_utf_8(file, 1, "latin1") from error
    if "\r" in text.rstrip("\r\n"):
        raise DataError(
            f"{file}, line 1: expected lines that end in \\n or \\r\\n, received \\r alone; "
            rf"write: tr '\r' '\n' < {file} > new.csv"
        )
    return text


def _not_utf_8(file: Path, line: int, encoding: str) -> DataError:
    return DataError(
        f"{file}, line {line}: expected UTF-8, received other bytes; "
        f"if they are {encoding}, write: iconv -f {encoding} -t utf-8 {file} > new.csv"
    )


def _refuse_delimiter(file: Path, header: str) -> None:
    for delimiter, written in _DELIMITERS.items():
        if delimiter in header:
            raise DataError(
                f"{file}, line 1: expected columns separated by commas, received '{written}'; "
                f"write: python -c \"import pandas; pandas.read_csv('{file}', sep='{written}')"
                ".to_csv('new.csv', index=False)\""
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def complete(data: bytes) -> int:
    """Length of the records that are whole in ``data``, which begins with one."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    letters = np.frombuffer(data, np.uint8)
    ends = _outside(np.flatnonzero(letters == _NEWLINE), np.flatnonzero(letters == _QUOTE))
    return int(ends[-1]) + 1 if len(ends) else 0


def check(file: Path, data: bytes, line: int, columns: Sequence[str]) -> None:
    """Checks whole records, the first of which begins in ``line``.

    Raises:
      DataError: one of them would be read wrongly, or not at all.
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
    """Those that stand behind an even number of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


def _suspects(
    letters: np.ndarray, starts: np.ndarray, ends: np.ndarray, quotes: np.ndarray, width: int
) -> np.ndarray:
    """Numbers of the records that a quick look does not find in order."""
    commas = _outside(np.flatnonzero(letters == _COMMA), quotes)
    widths = np.diff(np.searchsorted(commas, ends), prepend=0) + 1
    lengths = ends - starts
    empty = (lengths == 0) | ((lengths == 1) & (letters[starts] == _RETURN))
    odd = ((widths != width) & ~empty) | (lengths > csv.field_size_limit())
    places = np.concatenate([_odd_quotes(letters, quotes), _lone_returns(letters, quotes)])
    odd[np.searchsorted(ends, places)] = True
    return np.flatnonzero(odd)


def _odd_quotes(letters: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Places of the quotes that do not stand at the border of a field, nor double."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = letters[np.maximum(opening - 1, 0)]
    after = letters[closing + 1]
    at_start = (opening == 0) | np.isin(before, [_COMMA, _NEWLINE, _QUOTE])
    at_end = np.isin(after, [_COMMA, _NEWLINE, _RETURN, _QUOTE])
    return np.concatenate([opening[~at_start], closing[~at_end]])


def _lone_returns(letters: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """Places of the carriage returns that end no line."""
    returns = _outside(np.flatnonzero(letters == _RETURN), quotes)
    return returns[~np.isin(letters[returns + 1], [_NEWLINE, _RETURN])]


def _check_record(where: str, record: str, columns: Sequence[str]) -> None:
    """Reads it as TFX does."""
    reader = csv.reader([record, ""])
    try:
        fields = next(reader)
    except csv.Error as error:
        if len(record) > csv.field_size_limit():
            raise too_long(where) from error
        raise DataError(f"{where}: expected CSV, received {_short(record)} ({error})") from error
    if reader.line_num > 1:
        raise DataError(
            f"{where}: expected quotes around whole fields, received {_short(record)}; "
            'write a quote inside a field twice, and the field in quotes: "5"" pipe"'
        )
    if fields and len(fields) != len(columns):
        raise DataError(
            f"{where}: expected {len(columns)} fields, as in the header, received {len(fields)}: "
            f"{_short(record)}"
        )


def too_long(where: str) -> DataError:
    """No end of a record is near."""
    return DataError(
        f"{where}: expected a field of at most {csv.field_size_limit():,} characters, "
        "received a longer one, or a quote that nothing closes"
    )


def _short(text: str) -> str:
    """In one line."""
    text = text.rstrip("\r\n")
    return repr(text if len(text) <= 60 else text[:57] + "...")
