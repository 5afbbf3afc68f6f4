"""What was read otherwise than a user may expect, or not at all, a line each."""

from collections.abc import Iterable, Mapping

from huberflow.pipeline.config import Config
from huberflow.pipeline.data.profile import ColumnProfile, DataProfile
from huberflow.pipeline.data.source import skipped_files

_MOST_COLUMNS = 5
"""In one line."""

_SHORTLY = 1_000_000_000, 4_000_000_000
"""Seconds since 1970 of days from 2001 to 2096."""


def describe_marks(table: DataProfile) -> list[str]:
    """Which texts among numbers and dates were taken for missing values, and in how many rows."""
    marked = {
        name: _counts({**column.marks, **column.bad})
        for name, column in table.columns.items()
        if column.marks or column.bad
    }
    return [f"taken for missing values: {_listed(marked)}"] if marked else []


def describe_skipped(paths: Iterable[str]) -> list[str]:
    """Which files of folders were not read, for their names are those of marks."""
    skipped = [str(file) for path in paths for file in skipped_files(path)]
    return [f"not read, for the names begin with . or _: {_some(skipped)}"] if skipped else []


def describe_formats(table: DataProfile, config: Config) -> list[str]:
    """The formats of amounts, and of dates but those that begin with the year and a sign.

    Then what may be meant otherwise, and the key that says so.
    """
    features, data = config.features, config.data
    lines = []
    if dates := {name: form for name, form in features.dates.items() if not _is_iso(form)}:
        lines.append(f"dates: {_listed(dates)}")
    if amounts := {**features.amounts, **data.amounts}:
        lines.append(f"numbers with signs: {_listed(amounts)}")
    used = {*config.columns()}
    columns = [column for column in table.columns.values() if column.name in used]
    for decimal, group, write in (("comma", "points", "point"), ("point", "commas", "comma")):
        names = [each.name for each in columns if _may_be_otherwise(each, decimal)]
        if names:
            number = "1.234" if decimal == "comma" else "1,234"
            lines.append(
                f"{_some(names)}: {number} is read as 1234, with {group} between thousands; if it "
                f"is a decimal {write}, write: --set data.decimal={write}"
            )
    if names := [each.name for each in columns if each.is_ambiguous and not each.amount_format]:
        lines.append(
            f"{_some(names)}: all numbers are like 1.234, read with a decimal point; if the point "
            "stands between thousands, write: --set data.decimal=comma"
        )
    epochs = [name for name in features.numeric if _may_be_seconds(table.columns[name])]
    if epochs:
        lines.append(
            f"{_some(epochs)}: may count seconds since 1970; if so, move it in the config from "
            "features.numeric to features.dates, as seconds"
        )
    return lines


def _is_iso(name: str) -> bool:
    return name.startswith(("YYYY-MM", "YYYY/MM"))


def _may_be_otherwise(column: ColumnProfile, decimal: str) -> bool:
    form = column.amount_format
    point = form is not None and form.rfind(".") > form.rfind(",")
    return form is not None and column.is_ambiguous and point == (decimal == "point")


def _may_be_seconds(column: ColumnProfile) -> bool:
    if column.kind != "integer" or column.least is None or column.most is None:
        return False
    first, last = _SHORTLY
    return first <= float(column.least) and float(column.most) < last


def _listed(of_columns: Mapping[str, str]) -> str:
    named = [f"{name} ({text})" for name, text in of_columns.items()]
    return _some(named)


def _some(named: Iterable[str]) -> str:
    """The first of them, and how many more there are."""
    named = [*named]
    more = len(named) - _MOST_COLUMNS
    behind = f", and in {more} more column{'s' if more > 1 else ''}" if more > 0 else ""
    return ", ".join(named[:_MOST_COLUMNS]) + behind


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} x {text!r}" for text, count in rows.items())
