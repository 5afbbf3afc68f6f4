"""Checks that TFX's CSV reader would read the records below a header as they are meant.

For that reader, a record ends with the line in which its quotes are even; ``csv.reader`` reads one
from that text alone, again and again if a quote is still open at its end. Records that it would
read wrongly, or fail on later, are refused with their line.
"""

import csv
from pathlib import Path

import numpy as np

from huberflow.components.data.csv_form import CsvForm, not_utf_8, short
from huberflow.custom_objects.input_error import InputError

_NEWLINE, _RETURN, _QUOTE = b'\n\r"'


def complete_length(data: bytes) -> int:
    """The number of bytes of complete records in ``data``, which begins with one."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    letters = np.frombuffer(data, np.uint8)
    ends = _outside(np.flatnonzero(letters == _NEWLINE), np.flatnonzero(letters == _QUOTE))
    return int(ends[-1]) + 1 if len(ends) else 0


def check_records(file: Path, data: bytes, line: int, form: CsvForm) -> None:
    """Checks whole records, the first of which begins in ``line``.

    Raises:
      InputError: TFX would read one of them wrongly, or not at all.
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        bad = line + data.count(b"\n", 0, error.start)
        raise not_utf_8(file, bad, "latin1") from error
    letters = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(letters == _NEWLINE)
    quotes = np.flatnonzero(letters == _QUOTE)
    ends = _outside(newlines, quotes)
    starts = np.concatenate([[0], ends[:-1] + 1])
    for record in _suspects(letters, starts, ends, quotes, form):
        start, end = int(starts[record]), int(ends[record])
        where = f"{file}, line {line + int(np.searchsorted(newlines, start))}"
        _check_record(where, data[start : end + 1].decode(), form)


def _outside(places: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The places behind an even number of quotes."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places


def _suspects(
    letters: np.ndarray, starts: np.ndarray, ends: np.ndarray, quotes: np.ndarray, form: CsvForm
) -> np.ndarray:
    """The numbers of the records that need a closer check."""
    delimiters = _outside(np.flatnonzero(letters == ord(form.delimiter)), quotes)
    widths = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    lengths = ends - starts
    empty = (lengths == 0) | ((lengths == 1) & (letters[starts] == _RETURN))
    odd = ((widths != form.width) & ~empty) | (lengths > csv.field_size_limit())
    places = np.concatenate([_odd_quotes(letters, quotes, form), _lone_returns(letters, quotes)])
    odd[np.searchsorted(ends, places)] = True
    return np.flatnonzero(odd)


def _odd_quotes(letters: np.ndarray, quotes: np.ndarray, form: CsvForm) -> np.ndarray:
    """The places of quotes that are neither at the border of a field nor doubled."""
    delimiter = ord(form.delimiter)
    opening, closing = quotes[0::2], quotes[1::2]
    before = letters[np.maximum(opening - 1, 0)]
    after = letters[closing + 1]
    at_start = (opening == 0) | np.isin(before, [delimiter, _NEWLINE, _QUOTE])
    at_end = np.isin(after, [delimiter, _NEWLINE, _RETURN, _QUOTE])
    return np.concatenate([opening[~at_start], closing[~at_end]])


def _lone_returns(letters: np.ndarray, quotes: np.ndarray) -> np.ndarray:
    """The places of carriage returns that end no line."""
    returns = _outside(np.flatnonzero(letters == _RETURN), quotes)
    return returns[~np.isin(letters[returns + 1], [_NEWLINE, _RETURN])]


def _check_record(where: str, record: str, form: CsvForm) -> None:
    """Reads a record as TFX does."""
    reader = csv.reader([record, ""], delimiter=form.delimiter)
    try:
        fields = next(reader)
    except csv.Error as error:
        if len(record) > csv.field_size_limit():
            raise field_too_long(where) from error
        raise InputError(where, expected="CSV", received=f"{short(record)} ({error})") from error
    if reader.line_num > 1:
        expected = "quotes around whole fields"
        hint = 'write a quote inside a field twice, and the field in quotes: "5"" pipe"'
        raise InputError(where, expected=expected, received=short(record), hint=hint)
    if fields and len(fields) != form.width:
        expected = f"{form.width} fields, as in the header"
        raise InputError(where, expected=expected, received=f"{len(fields)}: {short(record)}")


def field_too_long(where: str) -> InputError:
    """The error for a record whose end is too far away."""
    expected = f"a field of at most {csv.field_size_limit():,} characters"
    received = "a longer one, or a quote that nothing closes"
    return InputError(where, expected=expected, received=received)
