"""Checks the label and the weights, and looks for features that give the label away."""

import math
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from huberflow.components.contracts import weights
from huberflow.components.contracts.target import Target
from huberflow.components.data.files import DataError, Source
from huberflow.pipeline.config import Config
from huberflow.pipeline.data import reading
from huberflow.pipeline.data.labelled import is_labelled, numbers
from huberflow.pipeline.data.profile import ColumnProfile, DataProfile
from huberflow.pipeline.data.source import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

ALMOST_PERFECT = 0.999
"""Correlation with the label from which on a feature alone predicts it."""

SAMPLE = 20_000
"""Rows that leaks are looked for in, spread over the data."""

FEWEST = 20
"""Rows below which a correlation may be chance."""

ROWS_PER_VALUE = 5
"""On average; with fewer, any column would seem to determine the label."""

_NUMERIC = ("integer", "number")


def check_label(table: DataProfile, label: str) -> ColumnProfile:
    """The label's column, if there is something to learn.

    Raises:
      DataError: it is no column, or has no values or only one.
    """
    column = column_with_values("data.label", table, label)
    if column.distinct == 1:
        raise _refused(
            "data.label", column, "values that differ", f"{column.examples[0]!r} in all rows"
        )
    return column


def check_numeric_label(column: ColumnProfile) -> None:
    """Whether a label can be predicted as a number.

    Raises:
      DataError: some of its values are none, or not finite.
    """
    _check_numeric("data.label", column)
    if column.blurred:
        raise _refused(
            "data.label",
            column,
            "numbers that 32-bit floats tell apart",
            f"{column.blurred}; subtract from all what they have in common",
        )
    if column.non_finite:
        raise _refused(
            "data.label",
            column,
            "finite numbers",
            f"{column.non_finite:,} that are infinite or beyond 3.4e+38; leave these fields empty",
        )


def check_weight(source: Source, table: DataProfile, weight: str, target: Target) -> None:
    """Whether every row with a label has a weight.

    Raises:
      DataError: it is no column, is the label, or no column of numbers; or a row's weight is
        missing, infinite or below 0, or the weights of all rows are 0.
    """
    column = column_with_values("data.weight", table, weight)
    if weight in target.labels:
        raise DataError(
            f"data.weight: expected a column that is not the label, received {weight!r}"
        )
    _check_numeric("data.weight", column)
    total = 0.0
    for batch in reading.read_batches(source):
        values = numbers(batch, weight)[is_labelled(batch, target)]
        if wrong := weights.mistake(values, weight):
            raise DataError(wrong)
        total += values.sum()
    if not total:
        raise _refused("data.weight", column, "weights above 0", "0 in all rows with a label")


def column_with_values(key: str, table: DataProfile, name: str) -> ColumnProfile:
    """The column that the config names under a key.

    Raises:
      DataError: there is none, or it has no values.
    """
    column = table.columns.get(name)
    if column is None:
        raise DataError(
            f"{key}: expected a column of the data, received {name!r}"
            + (did_you_mean(name, table.columns) or f"; columns: {', '.join(table.columns)}")
        )
    if column.kind == "empty":
        raise _refused(key, column, "values", "none")
    if column.kind == "list":
        raise _refused(key, column, "one value in a row", "lists, structures or bytes")
    return column


def check_uses(table: DataProfile, config: Config) -> None:
    """Whether the data have the columns that a config names for features and slices.

    Raises:
      DataError: they lack one, or hold no numbers where it wants some.
    """
    features = config.features
    slices = chain.from_iterable(config.evaluation.slices)
    for key, names, numeric in (
        ("features.numeric", features.numeric, True),
        ("features.cyclic", features.cyclic, True),
        ("features.categorical", features.categorical, False),
        ("features.dates", features.dates, False),
        ("evaluation.slices", slices, False),
    ):
        for name in names:
            column = column_with_values(key, table, name)
            if numeric:
                _check_numeric(key, column)


def _check_numeric(key: str, column: ColumnProfile) -> None:
    if column.kind in _NUMERIC:
        return
    if column.suggestion:
        raise _refused(key, column, "numbers", column.suggestion)
    examples = ", ".join(repr(value) for value in column.examples[:2])
    raise _refused(key, column, "numbers", f"{column.kind} such as {examples}")


def _refused(key: str, column: ColumnProfile, expected: str, received: str) -> DataError:
    return DataError(f"{key}: expected {expected} in {column.name!r}, received {received}")


def describe_leaks(
    source: Source, table: DataProfile, label: str, features: Iterable[str]
) -> list[str]:
    """Warnings of features that alone predict a numeric label almost perfectly.

    Numbers do where they rise or fall with it, along a line or not; other values do where each has
    one value of the label.
    """
    if table.columns[label].kind not in _NUMERIC:
        return []
    features = [name for name in features if table.columns[name].kind not in ("date", "list")]
    rows = _sample(source, table, [*features, label])
    rows = rows[np.isfinite(rows[label])]
    return [
        f"{name} alone predicts {label}: {how}; if it is not known when a prediction is needed, "
        f"write: --set data.exclude=[{name}]"
        for name in features
        if (how := _gives_away(rows[name], rows[label]))
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
        if table.columns[name].kind in _NUMERIC:
            rows[name] = pd.to_numeric(rows[name], errors="coerce").astype(np.float64)
    return rows


def _gives_away(feature: "pd.Series", label: "pd.Series") -> str | None:
    """How the feature tells the label, if it does."""
    both = feature.notna()
    feature, label = feature[both], label[both]
    if len(label) < FEWEST or feature.nunique() < 2 or label.nunique() < 2:
        return None
    if feature.dtype == np.float64:
        correlation = np.corrcoef(feature, label)[0, 1]
        if abs(correlation) >= ALMOST_PERFECT:
            return f"their correlation is {correlation:.4f}"
        correlation = np.corrcoef(feature.rank(), label.rank())[0, 1]
        if abs(correlation) >= ALMOST_PERFECT:
            return f"the correlation of their ranks is {correlation:.4f}"
    if len(label) / feature.nunique() < ROWS_PER_VALUE:
        return None
    rest = label - label.groupby(feature).transform("mean")
    explained = 1 - (rest**2).sum() / ((label - label.mean()) ** 2).sum()
    if explained >= ALMOST_PERFECT**2:
        return f"its values explain {explained:.2%} of the variance"
    return None
