"""Infers what each column is used for; the same data give the same uses."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.checks import no_such_column
from huberflow.pipeline.data.profile import NO_SINGLE_VALUES, ColumnProfile, DataProfile

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

ROW_NAMES = re.compile(r"__index_level_\d+__|Unnamed: 0")
"""The column for an index without a name: in pandas' Parquet, and as pandas reads it from CSV."""

_ID_WORDS = ("id", "uuid", "guid")

_AMOUNT_WORDS = (
    "age", "count", "num", "number", "qty", "quantity", "rating", "score", "size", "total", "year",
    "years",
)  # fmt: skip
"""In the name of whole numbers whose order matters, however few they are."""

_PERIODS = {
    "minute": 60, "hour": 24, "weekday": 7, "dayofweek": 7, "dow": 7, "month": 12,
    "day": 7,  # of the month has other values
}  # fmt: skip
"""Periods of numbers, by a word in the column's name."""


@dataclass(frozen=True)
class InferredUses:
    """What each column is used for; every column but the label is in one of these."""

    numeric: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    cyclic: dict[str, float] = field(default_factory=dict)
    """Periodic columns and their period."""
    dates: dict[str, str] = field(default_factory=dict)
    """Columns of dates and the names of their ``DATE_FORMATS``."""
    amounts: dict[str, str] = field(default_factory=dict)
    """Columns of amounts and their format, see ``contracts.amount_formats``."""
    boolean: list[str] = field(default_factory=list)
    """Columns of true and false."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Columns that are not used, and the reason for each."""

    def _add(self, column: ColumnProfile) -> None:
        if column.date_format:
            self.dates[column.name] = column.date_format
        elif column.amount_format:
            self.amounts[column.name] = column.amount_format
        elif length := period(column):
            self.cyclic[column.name] = length
        elif column.kind == "boolean":
            self.boolean.append(column.name)
        elif is_category(column):
            self.categorical.append(column.name)
        else:
            self.numeric.append(column.name)


def infer_uses(
    table: DataProfile,
    labels: Sequence[str],
    *,
    weight: str | None = None,
    split: str | None = None,
    group: str | None = None,
    exclude: Iterable[str] = (),
    keep: Iterable[str] = (),
) -> InferredUses:
    """Infers what each column is used for.

    Args:
      table: the profile of the data.
      labels: columns to predict.
      weight: column of the rows' weights, if any.
      split: column that names the rows' split, if any.
      group: column whose rows with one value stay together, if any.
      exclude: columns that are not used.
      keep: columns that are used even if a rule leaves them out.

    Raises:
      InputError: a name is no column, has two uses, or cannot be kept; or no column is left.
    """
    exclude, keep = tuple(exclude), tuple(keep)
    taken: dict[str | None, str] = dict.fromkeys(labels, "data.label")
    taken |= {weight: "data.weight", split: "data.splits.column", group: "data.splits.group"}
    _check_names(table, taken, exclude, keep)
    uses = InferredUses()
    apart = {weight: "weights of the rows", split: "names the split"}
    # The rows that a model is judged by have none of the values that it is trained on.
    apart |= {group: "groups of rows, each in one split"}
    apart |= dict.fromkeys(exclude, "excluded")
    for name, column in table.columns.items():
        if name in labels:
            continue
        if name in apart:
            uses.left_out[name] = apart[name]
        elif name not in keep and (reason := reason_to_leave_out(column)):
            uses.left_out[name] = reason
        else:
            uses._add(column)
    if set(table.columns) <= {*labels, *uses.left_out}:
        reasons = [f"{name} ({reason})" for name, reason in uses.left_out.items()]
        more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        raise InputError(
            "data",
            expected=f"a column to predict {', '.join(labels)} from",
            received="none",
            hint=f"left out: {', '.join(reasons[:5])}{more}" if reasons else None,
        )
    return uses


def _check_names(
    table: DataProfile,
    taken: dict[str | None, str],
    exclude: tuple[str, ...],
    keep: tuple[str, ...],
) -> None:
    named = [("data.exclude", name) for name in exclude] + [("data.keep", name) for name in keep]
    for key, name in named:
        if name not in table.columns:
            raise no_such_column(key, name, table)
        if taken.setdefault(name, key) != key:
            expected = f"a column that is not {taken[name]} too"
            raise InputError(key, expected=expected, received=repr(name))
    for name in keep:
        if reason := reason_unusable(table.columns[name]):
            received = f"{name!r}: {reason}"
            raise InputError("data.keep", expected="columns of values", received=received)


def reason_to_leave_out(column: ColumnProfile) -> str | None:
    """The reason why a column had better be left out, or None."""
    if reason := reason_unusable(column):
        return reason
    if ROW_NAMES.fullmatch(column.name):
        return "row names, which pandas or R wrote beside the columns"
    if column.missing >= ALMOST_ALWAYS * column.rows:
        return f"missing in {column.missing:,} of {column.rows:,} rows"
    # One value that is missing in other rows still distinguishes them.
    if column.distinct <= 1 and not column.missing:
        return f"always {column.examples[0]}"
    if column.narrow_range and not is_category(column) and not period(column):
        return f"the same as 32-bit floats, or nearly: {column.narrow_range}"
    # Only the user knows the meaning; as categories, the values would lose it.
    if column.suggestion and column.distinct > CATEGORIES:
        return column.suggestion
    return _reason_hardly_again(column) if column.present / column.distinct < HARDLY_AGAIN else None


def reason_unusable(column: ColumnProfile) -> str | None:
    """The reason why no feature can be made from a column; infinity leaves no mean to scale by."""
    if column.kind == "empty":
        return "no value in any row"
    if column.is_number and column.non_finite:
        return f"infinite, or beyond 3.4e+38, in {column.non_finite:,} of {column.rows:,} rows"
    return NO_SINGLE_VALUES if column.kind == "list" else None


def _reason_hardly_again(column: ColumnProfile) -> str | None:
    """The reason against values that hardly come twice.

    An identifier is learnt by heart, which harms on other rows. Whole numbers may differ in every
    row and yet measure something: they count as ids by the column's name, or if they number the
    rows.
    """
    many = f"{column.distinct:,} values in {column.present:,} rows"
    if _is_whole(column):
        if _is_named_id(column):
            return f"an id by its name: {many}"
        span = float(column.most or 0) - float(column.least or 0) + 1
        running = column.distinct >= column.present / GAPS and span <= column.rows * GAPS
        return f"a running number: {many}" if running else None
    if column.kind in ("text", "mixed") and column.words < MANY_WORDS:
        return f"an id: {many}"
    if column.kind == "text":
        return f"free text: {column.words:.0f} words, {column.distinct:,} values"
    return None


def period(column: ColumnProfile) -> int | None:
    """The period of whole numbers: the column's name says what they are, and all of them occur.

    Whether they begin at 0 or 1 does not matter on a circle.
    """
    values = (column.distinct, column.least, column.most)
    lengths = [_PERIODS.get(word, 0) for word in _words(column.name) if _is_whole(column)]
    fits = (each for each in lengths if values in ((each, 0, each - 1), (each, 1, each)))
    return next(fits, None)


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
    few = column.distinct <= min(CATEGORIES, column.present / ROWS_PER_CATEGORY)
    return few and not set(_words(column.name)) & set(_AMOUNT_WORDS)


def _is_whole(column: ColumnProfile) -> bool:
    return column.is_number and column.whole


def _is_named_id(column: ColumnProfile) -> bool:
    return _words(column.name)[-1:] in [[word] for word in _ID_WORDS]


def _words(name: str) -> list[str]:
    """``pickupHour`` and ``pickup_hour`` alike are pickup and hour."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]
