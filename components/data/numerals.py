"""Parses texts of CSV files as TFX does: a number is what Python's ``int`` or ``float`` reads.

Arrow parses most numbers faster; the others are parsed again by Python's rules (a plus sign, blanks
around, underscores between digits).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = r"[0-9]+(_[0-9]+)*"
_INTEGER = rf"^\s*[+-]?{_DIGITS}\s*$"
_NUMBER = (
    rf"^\s*[+-]?(({_DIGITS}\.?({_DIGITS})?|\.{_DIGITS})([eE][+-]?{_DIGITS})?"
    r"|(?i:inf|infinity|nan))\s*$"
)

_LIMIT = 2**63

_PROBE = 64


@dataclass(frozen=True)
class ParsedTexts:
    """Texts, divided into numbers and others."""

    numbers: np.ndarray
    """The numbers in order: int64, or float64 where any has a fraction."""
    is_text: np.ndarray
    """Whether each text is no number."""


def parse(texts: pa.StringArray) -> ParsedTexts:
    """The numbers among some texts. Whole numbers beyond 64 bits are text, as TFX has it."""
    no_text = np.zeros(len(texts), bool)
    integers = _cast(texts, pa.int64())
    if integers is not None and not _any_hexadecimal(texts):
        return ParsedTexts(integers, no_text)
    numbers = _cast(texts, pa.float64())
    if numbers is not None and not _may_be_integers(numbers):
        return ParsedTexts(numbers, no_text)
    return _as_python_reads(texts)


def _cast(texts: pa.StringArray, to: pa.DataType) -> np.ndarray | None:
    try:
        texts[:_PROBE].cast(to)  # Arrow reports a wrong first value only after all others
        return texts.cast(to).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None


def _any_hexadecimal(texts: pa.StringArray) -> bool:
    """Whether any is like 0x1f, a number for Arrow and none for Python."""
    return bool(pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py())


def _may_be_integers(numbers: np.ndarray) -> bool:
    """Whether all are whole, such as +3, or one may be a whole number that is too large."""
    return bool(np.all(numbers == np.floor(numbers)) or np.any(np.abs(numbers) >= _LIMIT))


def _as_python_reads(texts: pa.StringArray) -> ParsedTexts:
    text = ~pc.match_substring_regex(texts, _NUMBER).to_numpy(zero_copy_only=False)
    whole = pc.match_substring_regex(texts, _INTEGER).to_numpy(zero_copy_only=False)
    for place in np.flatnonzero(whole):
        text[place] = not -_LIMIT <= int(texts[place].as_py()) < _LIMIT
    kind = int if np.all(whole[~text]) else float
    numbers = [kind(value) for value in texts.filter(pa.array(~text)).to_pylist()]
    return ParsedTexts(np.array(numbers, np.int64 if kind is int else np.float64), text)
