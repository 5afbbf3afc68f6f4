"""Checks the label, the weights and the features, and finds features that leak the label."""

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from huberflow.components.contracts import weights
from huberflow.components.contracts.booleans import word_of
from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.contracts.evaluation_config import TFMA_ROWS
from huberflow.components.contracts.target import Target
from huberflow.components.data.files import Source
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Config
from huberflow.pipeline.config.yaml_text import flow
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.labelled import is_labelled, numbers
from huberflow.pipeline.data.profile import NO_SINGLE_VALUES, ColumnProfile, DataProfile
from huberflow.pipeline.data.source import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

LEAKING = 0.999
"""The correlation with the label from which on a feature alone predicts it."""

SAMPLE = 20_000
"""Rows in which leaks are sought, spread over the data."""

FEWEST = 20
"""Rows; among fewer, a correlation may be chance."""

ROWS_PER_VALUE = 5
"""On average; with fewer, any column would seem to determine the label."""


def check_label(table: DataProfile, label: str) -> ColumnProfile:
    """The label's column.

    Raises:
      InputError: there is no such column, or it has no values or only one.
    """
    column = column_with_values("data.label", table, label)
    if column.distinct == 1:
        received = f"{column.examples[0]!r} in all rows"
        raise _refused("data.label", column, "values that differ", received)
    return column


def check_numeric_label(column: ColumnProfile) -> None:
    """Refuses a label that cannot be predicted as a number.

    Raises:
      InputError: some values are no finite numbers, or 32-bit floats hardly distinguish them.
    """
    _check_numeric("data.label", column)
    if column.narrow_range:
        expected, hint = (
            "numbers that 32-bit floats distinguish",
            "subtract from all what they have in common",
        )
        raise _refused("data.label", column, expected, column.narrow_range, hint)
    if column.non_finite:
        received = f"{column.non_finite:,} that are infinite or beyond 3.4e+38"
        raise _refused("data.label", column, "finite numbers", received, "leave these fields empty")


def check_weight(source: Source, table: DataProfile, weight: str, target: Target) -> None:
    """Refuses weights that some labelled row lacks.

    Raises:
      InputError: there is no such column, it is the label, or it has no numbers; or a row's weight
        is missing, infinite or below 0, or the weights of all rows are 0.
    """
    column = column_with_values("data.weight", table, weight)
    if weight in target.labels:
        expected = "a column that is not the label"
        raise InputError("data.weight", expected=expected, received=repr(weight))
    _check_numeric("data.weight", column)
    total = 0.0
    for batch in reading.read_batches(source):
        values = numbers(batch, weight)[is_labelled(batch, target)]
        weights.check_weights(values, weight)
        total += values.sum()
    if not total:
        raise _refused("data.weight", column, "weights above 0", "0 in all rows with a label")


def column_with_values(key: str, table: DataProfile, name: str) -> ColumnProfile:
    """The column that the config names under a key.

    Raises:
      InputError: there is no such column, or it has no values.
    """
    column = table.columns.get(name)
    if column is None:
        raise no_such_column(key, name, table)
    if column.kind == "empty":
        raise _refused(key, column, "values", "none")
    if column.kind == "list":
        raise _refused(key, column, "one value in a row", NO_SINGLE_VALUES)
    return column


def no_such_column(key: str, name: str, table: DataProfile) -> InputError:
    """The error for a name that is no column."""
    hint = did_you_mean(name, table.columns) or f"columns: {', '.join(table.columns)}"
    return InputError(key, expected="a column of the data", received=repr(name), hint=hint)


def check_uses(table: DataProfile, config: Config) -> None:
    """Refuses features and slices of a config that the data do not have.

    Raises:
      InputError: the data lack a column, or it has no numbers where they are needed.
    """
    for kind in ("numeric", "cyclic", "categorical", "dates", "amounts", "boolean"):
        for name in getattr(config.features, kind):
            column = column_with_values(f"features.{kind}", table, name)
            if kind in ("numeric", "cyclic"):
                _check_numeric(f"features.{kind}", column)
                _check_plain(kind, column, getattr(config.features, kind))
            if kind == "dates":
                _check_dates(column, config.features.dates[name])
            if kind == "amounts":
                _check_amounts("features.amounts", column)
            if kind == "boolean":
                _check_boolean(f"features.{kind}", column)
    for name in chain.from_iterable(config.evaluation.slices):
        _check_evaluable("evaluation.slices", name)
        column_with_values("evaluation.slices", table, name)
    for name in config.data.labels:
        _check_evaluable("data.label", name)
    if config.data.weight is not None:
        _check_evaluable("data.weight", config.data.weight)


def _check_plain(kind: str, column: ColumnProfile, uses: Iterable[str] | Mapping) -> None:
    """Refuses amounts as plain numbers, which the transform could not read."""
    if column.amount_format:
        if isinstance(uses, Mapping):
            others: object = {name: uses[name] for name in uses if name != column.name}
        else:
            others = [name for name in uses if name != column.name]
        raise InputError(
            f"features.{kind}",
            expected=f"plain numbers in {column.name!r}",
            received=f"amounts, written like {column.amount_format}",
            hint="leave it out there; profiling adds it to features.amounts",
            write=shlex.join(["--set", f"features.{kind}={flow(others)}"]),
        )


def _check_dates(column: ColumnProfile, name: str) -> None:
    """Refuses values that are no dates in a format; the transform would take them for missing."""
    if column.date_format == name or (column.kind == "integer" and DATE_FORMATS[name].is_number):
        return
    texts = [value for value in column.examples if DATE_FORMATS[name].day(str(value)) is None]
    found = DATE_FORMATS.get(column.date_format or "")
    if texts or (found and found.day_name != DATE_FORMATS[name].day_name):
        received = column.date_format or f"{column.kind} such as {(texts or column.examples)[0]!r}"
        raise _refused("features.dates", column, f"dates like {name}", received)


def _check_amounts(key: str, column: ColumnProfile) -> None:
    """Refuses values that are no amounts in the format that the user names."""
    if column.kind != "amount":
        raise _refused(key, column, "numbers", f"{column.kind} such as {column.examples[0]!r}")


def _check_boolean(key: str, column: ColumnProfile) -> None:
    """Refuses values that are no booleans; the transform would take them for missing."""
    values = column.values if column.values is not None else column.examples
    wrong = [value for value in values if word_of(str(value)) is None]
    if wrong:
        raise _refused(key, column, "true and false", f"{column.kind} such as {wrong[0]!r}")


def _check_evaluable(key: str, name: str) -> None:
    if name == TFMA_ROWS:
        hint = "TFMA has something else under this name; rename the column"
        raise InputError(key, expected="another column", received=repr(name), hint=hint)


def _check_numeric(key: str, column: ColumnProfile) -> None:
    if not column.is_number:
        examples = ", ".join(repr(value) for value in column.examples[:2])
        received = column.suggestion or f"{column.kind} such as {examples}"
        raise _refused(key, column, "numbers", received)


def _refused(
    key: str, column: ColumnProfile, expected: str, received: str, hint: str | None = None
) -> InputError:
    expected = f"{expected} in {column.name!r}"
    return InputError(key, expected=expected, received=received, hint=hint)


def describe_leaks(
    source: Source, table: DataProfile, label: str, features: Iterable[str]
) -> list[str]:
    """Warnings of features that alone predict a numeric label almost perfectly.

    Numbers leak it if they rise or fall with it, along a line or not; other values do if each has
    one value of the label.
    """
    if not table.columns[label].is_number:
        return []
    features = [name for name in features if table.columns[name].kind not in ("date", "list")]
    formats = {name: table.columns[name].amount_format for name in features}
    amounts = {name: form for name, form in formats.items() if form}
    source = replace(source, amounts={**source.amounts, **amounts})
    rows = _sample(source, table, [*features, label])
    rows = rows[np.isfinite(rows[label])]
    return [
        f"{name} alone predicts {label}: {leak}; if it is not known when a prediction is needed, "
        f"write: {shlex.join(['--set', f'data.exclude={flow([name])}'])}"
        for name in features
        if (leak := _leak(rows[name], rows[label]))
    ]


def _sample(source: Source, table: DataProfile, names: list[str]) -> "pd.DataFrame":
    """Rows at even distances over all files; numbers as float64."""
    import pandas as pd

    every = math.ceil(table.rows / SAMPLE)
    parts, before = [], 0
    for batch in reading.read_batches(source):
        places = range(-before % every, len(batch), every)
        present = [name for name in names if name in batch.column_names]
        parts.append(batch.select(present).take(list(places)).to_pandas())
        before += len(batch)
    rows = pd.concat(parts, ignore_index=True).reindex(columns=names)
    for name in names:
        if table.columns[name].is_number:
            rows[name] = pd.to_numeric(rows[name], errors="coerce").astype(np.float64)
    return rows


def _leak(feature: "pd.Series", label: "pd.Series") -> str | None:
    """How the feature predicts the label, if it does."""
    both = feature.notna()
    feature, label = feature[both], label[both]
    if len(label) < FEWEST or feature.nunique() < 2 or label.nunique() < 2:
        return None
    if feature.dtype == np.float64:
        correlation = np.corrcoef(feature, label)[0, 1]
        if abs(correlation) >= LEAKING:
            return f"their correlation is {correlation:.4f}"
        correlation = np.corrcoef(feature.rank(), label.rank())[0, 1]
        if abs(correlation) >= LEAKING:
            return f"the correlation of their ranks is {correlation:.4f}"
    if len(label) / feature.nunique() < ROWS_PER_VALUE:
        return None
    rest = label - label.groupby(feature).transform("mean")
    explained = 1 - (rest**2).sum() / ((label - label.mean()) ** 2).sum()
    if explained >= LEAKING**2:
        return f"its values explain {explained:.2%} of the variance"
    return None
