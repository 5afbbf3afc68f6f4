"""Splits rows by the words or the dates in a column; checks that each split has labelled rows."""

import shlex
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice

import numpy as np

from huberflow.components.contracts.target import Target
from huberflow.components.data.files import Source
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.config import Splits
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.labelled import Tally, has_label
from huberflow.pipeline.data.profile import ColumnProfile

MOST_VALUES = 20
"""Of a column that names splits; one with more means something else."""

FEWEST_DAYS = 3
"""One for each split: rows of one day stay together."""

FEWEST_ROWS = 3
"""One for each split: equal rows stay together."""

FEWEST_GROUPS = 3
"""One for each split: rows of one group stay together."""

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("eval", "evaluation", "test"), "eval"),
}


def may_name_splits(column: ColumnProfile) -> bool:
    """Whether the values may name splits, such as train and test, or 0 and 1."""
    may_be_dates = column.kind == "text" and column.suggestion is not None
    words = column.kind in ("text", "mixed", "boolean", "integer") and not may_be_dates
    return words and column.distinct <= MOST_VALUES


def can_split(column: ColumnProfile) -> bool:
    """Whether a column may hold the split of each row: in words, or as dates."""
    return column.kind == "date" or may_name_splits(column)


def infer_splits(counted: Tally, column: ColumnProfile, splits: Splits) -> dict[str, JSON]:
    """The config's ``values`` or ``days``, as far as they follow from the rows.

    Args:
      counted: rows by the values of the column; it ``can_split``.
      column: holds the split of each row.
      splits: the shares that the days come close to.
    """
    if column.kind == "date":
        days = +counted.days
        return {"days": _days(days, splits, column)} if len(days) >= FEWEST_DAYS else {}
    splits_of = {word: _WORDS.get(word.strip().lower()) for word in sorted(counted.words)}
    return {"values": {word: split for word, split in splits_of.items() if split}}


def _days(rows: Mapping[date, int], splits: Splits, column: ColumnProfile) -> dict[str, JSON]:
    days = sorted(rows)
    counts = np.array([rows[day] for day in days])
    before = (np.cumsum(counts) - counts) / counts.sum()
    shares = np.cumsum([splits.train, splits.validation, splits.eval])
    first = 1 + int(np.argmin(np.abs(before[1:-1] - shares[0] / shares[2])))
    last = first + 1 + int(np.argmin(np.abs(before[first + 1 :] - shares[1] / shares[2])))
    return {
        "written": column.date_format,
        "validation": days[first].isoformat(),
        "eval": days[last].isoformat(),
    }


def check_split_column(
    counted: Tally, column: ColumnProfile, splits: Splits, target: Target
) -> None:
    """Refuses a column that leaves rows without a split, or a split without labelled rows.

    Args:
      counted: rows by the values of the column, if it ``can_split``.
      column: holds the split of each row.
      splits: with ``values`` or ``days``.
      target: what is predicted.

    Raises:
      InputError: what the column has, and what to write.
    """
    if column.kind == "date":
        rows = _by_day(counted, column, splits, target)
    else:
        rows = _by_value(counted, column, splits)
    lacking = [split for split, count in rows.items() if not count]
    if lacking:
        by_word = f"--set 'data.splits.values={{WORD: {lacking[0]}}}'"
        raise InputError(
            "data.splits",
            expected=f"rows with {target.name} in {', '.join(rows)}",
            received=f"none in {', '.join(lacking)}",
            hint="to infer the days again" if splits.days else "name the word for it",
            write="--set data.splits.days=null" if splits.days else by_word,
        )


def check_different_rows(source: Source) -> None:
    """Refuses rows of which fewer differ than there are splits: a hash sends equal rows to one.

    Reads no further than the third row that differs from those before.

    Raises:
      InputError: how many differ.
    """
    seen: set[tuple[object, ...]] = set()
    for batch in reading.read_batches(source):
        for row in batch.to_pylist():
            seen.add(tuple(map(str, row.values())))
            if len(seen) == FEWEST_ROWS:
                return
    raise InputError(
        "data.splits",
        expected=f"at least {FEWEST_ROWS} rows that differ, one for each split",
        received=str(len(seen)),
        hint="a hash sends equal rows to one split; bring more rows, or name a file for each split",
    )


def check_groups(column: ColumnProfile) -> None:
    """Refuses a column with fewer groups of rows than there are splits.

    Raises:
      InputError: how many it has.
    """
    if column.distinct < FEWEST_GROUPS:
        raise InputError(
            "data.splits.group",
            expected=f"at least {FEWEST_GROUPS} values in {column.name!r}, one for each split",
            received=str(column.distinct),
            write="--set data.splits.group=null",
        )


def check_split_files(files: Mapping[str, Source], target: Target) -> None:
    """Refuses files of a split without labelled rows.

    Raises:
      InputError: there is no labelled row in the files of a key of the config.
    """
    for key, source in files.items():
        if not has_label(source, target):
            raise InputError(key, expected=f"rows with {target.name}", received="none")


def _by_day(
    counted: Tally, column: ColumnProfile, splits: Splits, target: Target
) -> dict[str, int]:
    """The number of labelled rows in each split."""
    days, first = +counted.days, splits.days
    if splits.values:
        raise InputError(
            "data.splits.values",
            expected=f"none, for {column.name} has dates",
            received=_list(splits.values),
            write="--set 'data.splits.values={}'",
        )
    if first is None:
        expected = f"at least {FEWEST_DAYS} days among the rows with {target.name}"
        raise _refused(column, expected, str(len(days)))
    if first.written != column.date_format:
        raise InputError(
            "data.splits.days.written",
            expected=f"{column.date_format}, as {column.name} is written",
            received=first.written,
            write="--set data.splits.days=null",
        )
    rows = {"train": 0, "validation": 0, "eval": 0}
    for day, count in days.items():
        later = "validation" if day < first.eval else "eval"
        rows["train" if day < first.validation else later] += count
    return rows


def _by_value(counted: Tally, column: ColumnProfile, splits: Splits) -> dict[str, int]:
    """The number of labelled rows in each split that a value names."""
    if splits.days or not may_name_splits(column):
        expected = "dates" if splits.days else "words such as train and eval, or dates"
        many = f"{column.distinct:,} values" if column.distinct > MOST_VALUES else column.kind
        received = f"{many} such as {_list(column.examples[:2])}"
        may_be_dates = column.suggestion if column.kind == "text" else None
        raise _refused(column, expected, may_be_dates or received)
    values = splits.values
    unknown = sorted(counted.words.keys() - values)
    if unknown:
        named: dict[str, str] = {**values, **dict.fromkeys(unknown[:5], "eval")}
        written = ", ".join(f"{value}: {split}" for value, split in named.items())
        raise _refused(
            column,
            "words such as train and eval",
            _list(unknown),
            hint="name the split of each",
            write=shlex.join(["--set", f"data.splits.values={{{written}}}"]),
        )
    if counted.without_value:
        raise _refused(column, "a word for every row", f"none in {counted.without_value:,}")
    rows: dict[str, int] = dict.fromkeys(("train", "eval", *values.values()), 0)
    for word, count in counted.words.items():
        rows[values[word]] += count
    return rows


def _list(values: Iterable[object]) -> str:
    return ", ".join(repr(value) for value in islice(values, 5))


def _refused(
    column: ColumnProfile,
    expected: str,
    received: str,
    *,
    hint: str | None = None,
    write: str | None = None,
) -> InputError:
    expected = f"{expected} in {column.name!r}"
    return InputError(
        "data.splits.column", expected=expected, received=received, hint=hint, write=write
    )
