"""Raw columns in, predictions out: an exported model's signature ``columns``."""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from huberflow.components.bundle import reload

_SIGNATURE = "columns"


class ScoringError(ValueError):
    """A table that the model cannot read; the message names the column, the row and the value."""


class Scorer:
    """Predicts from tables of raw columns; runs no custom code.

    A number is an int or a float, not a bool, a date or text that looks like one; it lies within
    the range of float32, which the model computes in. Text is a str that UTF-8 can write, not a
    number: 8 and 8.0 would be two texts of one value. None, NaN, NA and empty text are missing
    values, and so is every row of a column that is absent.

    Args:
      bundle: the exported model.

    Raises:
      ReloadError: the bundle is not as it was written.
    """

    def __init__(self, bundle: Path) -> None:
        self._predict = reload.predictor(bundle, _SIGNATURE)
        self.certificate: Mapping[str, Any] = reload.verify(bundle)
        signature = self.certificate["signatures"][_SIGNATURE]
        self.columns = _kinds(signature["inputs"])
        """``number`` or ``text``, by name."""
        self.outputs = _kinds(signature["outputs"])
        """Likewise, see ``huberflow.components.serving.signatures``."""

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """The model's outputs as columns, float32 or text, in the order of the rows.

        Raises:
          ScoringError: a column is unknown or there twice, or a value is of the wrong type.
        """
        self._check_names(table)
        inputs = {}
        for name, kind in self.columns.items():
            missing, converted = _KINDS[kind]
            if name not in table:
                inputs[name] = np.full(len(table), missing)
                continue
            values, reasons = converted(table[name])
            for position, reason in reasons.items():
                raise ScoringError(f"row {position + 1} of {len(table)}: {name}: {reason}")
            inputs[name] = values
        found = self._predict(**inputs)
        return pd.DataFrame(
            {
                name: [each.decode() for each in found[name]] if kind == "text" else found[name]
                for name, kind in self.outputs.items()
            }
        )

    def problems(self, table: pd.DataFrame) -> Mapping[int, str]:
        """What is wrong with each bad row, by its position; the first thing, where there are many.

        ``predict`` takes the table without these rows.

        Raises:
          ScoringError: a column is unknown or there twice.
        """
        self._check_names(table)
        found: dict[int, str] = {}
        for name in table.columns:
            _, converted = _KINDS[self.columns[name]]
            for position, reason in converted(table[name])[1].items():
                found.setdefault(position, f"{name}: {reason}")
        return dict(sorted(found.items()))

    def _check_names(self, table: pd.DataFrame) -> None:
        for name in table.columns:
            if name not in self.columns:
                raise ScoringError(
                    f"unknown column {reprlib.repr(name)}; {self._expected(str(name))}"
                )
        if not table.columns.is_unique:
            twice = table.columns[table.columns.duplicated()][0]
            raise ScoringError(f"column {twice!r} is there twice; expected it once")

    def _expected(self, name: str) -> str:
        nearest = get_close_matches(name, self.columns, n=1)
        if nearest:
            return f"did you mean {nearest[0]!r}?"
        return f"expected any of {', '.join(self.columns)}"


def _kinds(specs: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    return {name: "text" if spec["dtype"] == "string" else "number" for name, spec in specs.items()}


_LARGEST = float(np.finfo(np.float32).max)


def _numbers(column: pd.Series) -> tuple[np.ndarray, Mapping[int, str]]:
    """float64, NaN where missing; and why a position has no number."""
    reasons: dict[int, str] = {}
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        numbers = column.to_numpy(np.float64)
    else:
        # By way of objects: a date is refused then, and not taken for its nanoseconds.
        values = column.to_numpy(object)
        numbers = np.array(list(_each(values, _number, "a number", reasons)), np.float64)
    for position in np.flatnonzero(np.abs(numbers) > _LARGEST):
        reasons[int(position)] = (
            f"expected a number within ±{_LARGEST:.1e}, received {numbers[position]:.3g}"
        )
    return numbers, reasons


def _texts(column: pd.Series) -> tuple[np.ndarray, Mapping[int, str]]:
    """UTF-8, empty where missing; and why a position has no text."""
    reasons: dict[int, str] = {}
    values = column.to_numpy(object)
    return np.array(list(_each(values, _text, "text", reasons)), object), reasons


_KINDS: Mapping[str, Any] = {"number": (np.nan, _numbers), "text": ("", _texts)}
"""For each kind of column, what a missing value is to the signature, and what converts it."""


def _each(
    values: np.ndarray, convert: Callable[[Any], Any], expected: str, reasons: dict[int, str]
) -> Iterator[Any]:
    for position, value in enumerate(values):
        try:
            yield convert(value)
        except (TypeError, UnicodeEncodeError):
            reasons[position] = f"expected {expected}, received {reprlib.repr(value)}"
            yield convert(None)


def _number(value: Any) -> float:
    if _is_missing(value):
        return np.nan
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # A whole number of hundreds of digits.
            return np.inf
    raise TypeError(value)


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if _is_missing(value):
        return b""
    raise TypeError(value)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NA
        or (isinstance(value, (float, np.floating)) and np.isnan(value))
    )
