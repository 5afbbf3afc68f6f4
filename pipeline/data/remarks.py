"""How the values of a table were read where more than one reading is possible, a line each."""

from huberflow.pipeline.data.profile import ColumnProfile, DataProfile

_MOST_COLUMNS = 5
"""In one line."""


def describe_marks(table: DataProfile) -> list[str]:
    """Which texts among numbers and dates were taken for missing values, and in how many rows."""
    marked = [column for column in table.columns.values() if column.marks]
    if not marked:
        return []
    named = [f"{column.name} ({_counts(column)})" for column in marked[:_MOST_COLUMNS]]
    more = len(marked) - len(named)
    behind = f", and in {more} more column{'s' if more > 1 else ''}" if more else ""
    return [f"taken for missing values: {', '.join(named)}{behind}"]


def _counts(column: ColumnProfile) -> str:
    return ", ".join(f"{count:,} x {mark!r}" for mark, count in column.marks.items())
