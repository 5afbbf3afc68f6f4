"""Rules that decide what a column can be used for, and whether to leave it out, and why."""

import re
from collections.abc import Callable

from huberflow.pipeline.data.profile import ColumnProfile

ALMOST_ALWAYS = 0.99
"""Share of missing rows from which on a column is not worth its inputs."""

HARDLY_AGAIN = 2.0
"""Rows per value, on average; with fewer, most values of later rows were never trained on."""

MANY_WORDS = 5.0
"""On average; so long a text is free text, not chosen from a list."""

CATEGORIES = 30
"""Whole numbers of at most so many values may be names, such as codes of districts."""

ROWS_PER_CATEGORY = 20
"""On average; with fewer, the value of one category cannot be learnt, and the order of the numbers
helps."""

GAPS = 1.1
"""A running number counts up to its number of rows, but for rows that were removed."""

_ID_WORDS = ("id", "uuid", "guid")

_AMOUNT_WORDS = (
    "age", "count", "num", "number", "qty", "quantity", "rating", "score", "size", "total", "year",
    "years",
)  # fmt: skip
"""In the name of whole numbers whose order matters, however few they are."""

_PERIODS = {
    "minute": 60,
    "hour": 24,
    "weekday": 7,
    "dayofweek": 7,
    "dow": 7,
    "day": 7,  # of the month has other values
    "month": 12,
}
"""Periods of numbers, by a word in the column's name."""


def reason_to_leave_out(column: ColumnProfile) -> str | None:
    """The reason why a column had better be left out, or None."""
    rules: tuple[Callable[[ColumnProfile], str | None], ...] = (
        reason_unusable, _rare, _constant, _narrow, _ambiguous, _identifier, _free_text,
    )  # fmt: skip
    return next((reason for rule in rules if (reason := rule(column))), None)


def reason_unusable(column: ColumnProfile) -> str | None:
    """The reason why no feature can be made from a column; infinity leaves no mean to scale by."""
    if column.kind == "empty":
        return "no value in any row"
    if column.is_number and column.non_finite:
        return f"infinite, or beyond 3.4e+38, in {column.non_finite:,} of {column.rows:,} rows"
    return "lists, structures or bytes" if column.kind == "list" else None


def _rare(column: ColumnProfile) -> str | None:
    """Hardly any row has a value."""
    if column.missing < ALMOST_ALWAYS * column.rows:
        return None
    return f"missing in {column.missing:,} of {column.rows:,} rows"


def _constant(column: ColumnProfile) -> str | None:
    """All rows are equal; one value that is missing in other rows still distinguishes them."""
    if column.distinct > 1 or column.missing:
        return None
    return f"always {column.examples[0]}"


def _narrow(column: ColumnProfile) -> str | None:
    """As 32-bit floats the numbers are nearly equal."""
    if column.narrow_range is None or is_category(column) or period(column):
        return None
    return f"the same as 32-bit floats, or nearly: {column.narrow_range}"


def _ambiguous(column: ColumnProfile) -> str | None:
    """Only the user knows the meaning; as categories, the values would lose it."""
    if column.suggestion and column.distinct > CATEGORIES:
        return column.suggestion
    return None


def _identifier(column: ColumnProfile) -> str | None:
    """An identifier is learnt by heart, which harms on other rows.

    Whole numbers may differ in every row and yet measure something: they count as ids by the
    column's name, or if they number the rows.
    """
    hardly = _rows_per_value(column) < HARDLY_AGAIN
    if not hardly or column.kind in ("date", "boolean"):
        return None
    many = f"{column.distinct:,} values in {column.present:,} rows"
    if _is_whole(column):
        if _is_named_id(column):
            return f"an id by its name: {many}"
        return f"a running number: {many}" if _is_running(column) else None
    if column.kind in ("text", "mixed") and column.words < MANY_WORDS:
        return f"an id: {many}"
    return None


def _free_text(column: ColumnProfile) -> str | None:
    """Sentences hardly come twice, so a vocabulary of whole sentences is of no use."""
    if column.kind != "text" or column.words < MANY_WORDS:
        return None
    if _rows_per_value(column) >= HARDLY_AGAIN:
        return None
    return f"free text: {column.words:.0f} words, {column.distinct:,} values"


def period(column: ColumnProfile) -> int | None:
    """The period of whole numbers: the column's name says what they are, and all of them occur.

    Whether they begin at 0 or 1 does not matter on a circle.
    """
    if not _is_whole(column):
        return None
    values = (column.distinct, column.least, column.most)
    for word in _words(column.name):
        length = _PERIODS.get(word, 0)
        if values in ((length, 0, length - 1), (length, 1, length)):
            return length
    return None


def is_category(column: ColumnProfile) -> bool:
    """Whether values are categories: text, or a few whole numbers that may be codes.

    Each such number is in many rows, and the column's name is not one of an amount.
    """
    if column.kind in ("text", "mixed", "boolean"):
        return True
    if not _is_whole(column):
        return False
    if _is_named_id(column):
        return True
    few = column.distinct <= CATEGORIES and _rows_per_value(column) >= ROWS_PER_CATEGORY
    return few and not set(_words(column.name)) & set(_AMOUNT_WORDS)


def _is_whole(column: ColumnProfile) -> bool:
    return column.is_number and column.whole


def _is_named_id(column: ColumnProfile) -> bool:
    return _words(column.name)[-1:] in [[word] for word in _ID_WORDS]


def _is_running(column: ColumnProfile) -> bool:
    span = float(column.most or 0) - float(column.least or 0) + 1
    return column.distinct >= column.present / GAPS and span <= column.rows * GAPS


def _rows_per_value(column: ColumnProfile) -> float:
    return column.present / column.distinct


def _words(name: str) -> list[str]:
    """``pickupHour`` and ``pickup_hour`` alike are pickup and hour."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
