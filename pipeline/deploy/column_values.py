"""The values of a table as a model takes them: in the range of its dtype, and unchanged."""

import reprlib
from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
import pandas as pd
import tensorflow as tf

from huberflow.components.contracts.missing import is_mark
from huberflow.components.serving.signatures import EXACT
from huberflow.pipeline.deploy.request_columns import RequestColumn, is_missing

Mistakes = dict[int, tuple[str, str]]
"""By a row's position, what was expected and received."""


def converted(given: pd.Series, column: RequestColumn) -> tuple[np.ndarray, Mistakes]:
    """Values as a ``RequestForm`` takes them; missing ones where there are mistakes."""
    mistakes: Mistakes = {}
    if column.kind == "number":
        expected, values = "a number", _numbers(given, column.dtype, mistakes)
    elif column.kind == "integer":
        least, largest = column.range
        expected = f"a whole number from {least} to {largest}"
        values = np.array(_each(given, _whole(least, largest), expected, mistakes), object)
    else:
        expected, values = "text", np.array(_each(given, _text, "text", mistakes), object)
    if column.required:
        for position in np.flatnonzero(is_missing(values)):
            mistakes.setdefault(int(position), (expected, "none"))
    return values, mistakes


def _numbers(given: pd.Series, dtype: tf.DType, mistakes: Mistakes) -> np.ndarray:
    if given.dtype.kind in "iuf" and isinstance(given.dtype, np.dtype):
        numbers = given.to_numpy(np.float64)
    else:
        numbers = np.array(_each(given, _number, "a number", mistakes), np.float64)
    largest = float(dtype.max)
    for position in map(int, np.flatnonzero(np.abs(numbers) > min(largest, EXACT - 1))):
        number, value = numbers[position], given.iloc[position]
        if abs(number) > largest:
            mistakes[position] = f"a number within ±{largest:.3g}", f"{number:.3g}"
        elif isinstance(value, (int, np.integer)) and int(value) != int(number):
            mistakes[position] = "a whole number that a float can be", str(value)
    return numbers


_Value = TypeVar("_Value")


def _each(
    given: pd.Series, convert: Callable[[object], _Value], expected: str, mistakes: Mistakes
) -> list[_Value]:
    # By way of objects: a date is refused then, and not taken for its nanoseconds.
    values: list[_Value] = []
    for position, value in enumerate(given.to_numpy(object)):
        try:
            values.append(convert(value))
        except (TypeError, UnicodeEncodeError):
            mistakes[position] = expected, reprlib.repr(value)
            values.append(convert(None))
    return values


def _number(value: object) -> float:
    if _is_none(value) or _is_mark(value):
        return np.nan
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return np.inf
    raise TypeError(value)


def _whole(least: int, largest: int) -> Callable[[object], int | None]:
    def whole(value: object) -> int | None:
        if _is_none(value) or _is_mark(value):
            return None
        if isinstance(value, (float, np.floating)):
            value = float(value)
            exact = abs(value) < EXACT and value.is_integer()
        else:
            exact = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        number = int(cast(int, value)) if exact else None
        if number is None or not least <= number <= largest:
            raise TypeError(value)
        return number

    return whole


def _text(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bool, np.bool_)):
        return b"true" if value else b"false"
    if _is_none(value):
        return b""
    raise TypeError(value)


def _is_mark(value: object) -> bool:
    return isinstance(value, str) and is_mark(value)


def _is_none(value: object) -> bool:
    return (
        value is None
        or value is pd.NA
        or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))
    )
