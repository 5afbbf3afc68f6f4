"""Infers what each column is used for; the same data give the same uses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data import rules
from huberflow.pipeline.data.checks import no_such_column
from huberflow.pipeline.data.profile import ColumnProfile, DataProfile


@dataclass(frozen=True)
class InferredUses:
    """What each column is used for; every column but the label is in one of these."""

    numeric: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    cyclic: dict[str, float] = field(default_factory=dict)
    """Periodic columns and their period."""
    dates: dict[str, str] = field(default_factory=dict)
    """Columns of dates and the names of their ``DATE_FORMATS``."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Columns that are not used, and the reason for each."""

    def _add(self, column: ColumnProfile) -> None:
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
    """Infers what each column is used for.

    Args:
      table: the profile of the data.
      labels: columns to predict.
      weight: column of the rows' weights, if any.
      split: column that names the rows' split, if any.
      exclude: columns that are not used.
      keep: columns that are used even if a rule leaves them out.

    Raises:
      InputError: a name is no column, has two uses, or cannot be kept; or no column is left.
    """
    exclude, keep = tuple(exclude), tuple(keep)
    taken: dict[str | None, str] = dict.fromkeys(labels, "data.label")
    taken |= {weight: "data.weight", split: "data.splits.column"}
    _check_names(table, taken, exclude, keep)
    uses = InferredUses()
    apart = {weight: "weights of the rows", split: "names the split"}
    apart |= dict.fromkeys(exclude, "excluded")
    for name, column in table.columns.items():
        if name in labels:
            continue
        if name in apart:
            uses.left_out[name] = apart[name]
        elif name not in keep and (reason := rules.reason_to_leave_out(column)):
            uses.left_out[name] = reason
        else:
            uses._add(column)
    if set(table.columns) <= {*labels, *uses.left_out}:
        raise _nothing_left(labels, uses.left_out)
    return uses


def _nothing_left(labels: Sequence[str], left_out: Mapping[str, str]) -> InputError:
    reasons = [f"{name} ({reason})" for name, reason in left_out.items()]
    more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
    return InputError(
        "data",
        expected=f"a column to predict {', '.join(labels)} from",
        received="none",
        hint=f"left out: {', '.join(reasons[:5])}{more}" if reasons else None,
    )


def _check_names(
    table: DataProfile,
    taken: dict[str | None, str],
    exclude: tuple[str, ...],
    keep: tuple[str, ...],
) -> None:
    for key, names in (("data.exclude", exclude), ("data.keep", keep)):
        for name in names:
            if name not in table.columns:
                raise no_such_column(key, name, table)
            if taken.setdefault(name, key) != key:
                expected = f"a column that is not {taken[name]} too"
                raise InputError(key, expected=expected, received=repr(name))
    for name in keep:
        if reason := rules.reason_unusable(table.columns[name]):
            received = f"{name!r}: {reason}"
            raise InputError("data.keep", expected="columns of values", received=received)
