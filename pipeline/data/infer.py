"""Decides what each column is for, from what its rows say. The same table, the same decision."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from huberflow.components.data.files import DataError
from huberflow.pipeline.data import rules
from huberflow.pipeline.data.profile import ColumnProfile, DataProfile
from huberflow.pipeline.data.source import did_you_mean


@dataclass(frozen=True)
class InferredUses:
    """What each column is for; every one but the label stands in one of these."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    cyclic: Mapping[str, float]
    """With their periods."""
    dates: Mapping[str, str]
    """With their formats, see ``DATE_FORMATS``."""
    left_out: Mapping[str, str]
    """With the reason."""


@dataclass
class _Uses:
    numeric: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    cyclic: dict[str, float] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    def add(self, column: ColumnProfile) -> None:
        if column.date_format:
            self.dates[column.name] = column.date_format
        elif period := rules.period(column):
            self.cyclic[column.name] = period
        elif rules.is_category(column):
            self.categorical.append(column.name)
        else:
            self.numeric.append(column.name)


def infer_uses(
    table: DataProfile,
    labels: Sequence[str],
    *,
    weight: str | None = None,
    split: str | None = None,
    exclude: Iterable[str] = (),
    keep: Iterable[str] = (),
) -> InferredUses:
    """Decides what each column is for.

    Args:
      table: what the rows say.
      labels: columns to predict.
      weight: column of the rows' weights, if there is one.
      split: column that says the rows' split in words, if there is one.
      exclude: columns that are not used.
      keep: columns that are used even where a rule would leave them out.

    Raises:
      DataError: a name is no column, is named for two uses, cannot be kept; or nothing is left.
    """
    exclude, keep = tuple(exclude), tuple(keep)
    taken: dict[str | None, str] = dict.fromkeys(labels, "data.label")
    taken |= {weight: "data.weight", split: "data.splits.column"}
    _check_names(table, taken, exclude, keep)
    uses, left_out = _Uses(), {}
    for name, column in table.columns.items():
        if name in labels:
            continue
        if name == weight:
            left_out[name] = "weights of the rows"
        elif name == split:
            left_out[name] = "says the split"
        elif name in exclude:
            left_out[name] = "excluded"
        elif name not in keep and (reason := rules.why_not(column)):
            left_out[name] = reason
        else:
            uses.add(column)
    if set(table.columns) <= {*labels, *left_out}:
        raise _nothing_left(labels, left_out)
    return InferredUses(
        tuple(uses.numeric), tuple(uses.categorical), uses.cyclic, uses.dates, left_out
    )


def _nothing_left(labels: Sequence[str], left_out: Mapping[str, str]) -> DataError:
    message = f"data: expected a column to predict {', '.join(labels)} from, received none"
    if left_out:
        some = [f"{name} ({reason})" for name, reason in left_out.items()]
        more = f" and {len(some) - 5} more" if len(some) > 5 else ""
        message += f"; left out: {', '.join(some[:5])}{more}"
    return DataError(message)


def _check_names(
    table: DataProfile,
    taken: dict[str | None, str],
    exclude: tuple[str, ...],
    keep: tuple[str, ...],
) -> None:
    for key, names in (("data.exclude", exclude), ("data.keep", keep)):
        for name in names:
            if name not in table.columns:
                raise DataError(
                    f"{key}: expected a column of the data, received {name!r}"
                    f"{did_you_mean(name, table.columns)}"
                )
            if taken.setdefault(name, key) != key:
                raise DataError(
                    f"{key}: expected a column that is not {taken[name]} too, received {name!r}"
                )
    for name in keep:
        reason = rules.unusable(table.columns[name])
        if reason:
            raise DataError(f"data.keep: expected columns of values, received {name!r}: {reason}")
