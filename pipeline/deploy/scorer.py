"""Raw columns in, predictions out: an exported model's signature ``columns``."""

import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pandas as pd

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.source import did_you_mean

_SIGNATURE = "columns"

InputKind = Literal["number", "text"]


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
        certificate = reload.verify(bundle)
        signature = certificate["signatures"][_SIGNATURE]
        self.certificate: str = certificate["sha256"]
        """The hash of the certificate."""
        self.columns = _kinds(signature["inputs"])
        """The kind of each column that the model reads."""
        self.outputs = _kinds(signature["outputs"])
        """The kind of each output, see ``huberflow.components.serving.signatures``."""

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """The model's outputs as columns, float32 or text, in the order of the rows.

        Raises:
          InputError: a column is unknown or there twice, or a value is of the wrong type.
        """
        self._check_names(table)
        inputs = {}
        for name, kind in self.columns.items():
            if name not in table:
                inputs[name] = np.full(len(table), np.nan if kind == "number" else "")
                continue
            inputs[name], mistakes = _converted(table[name], kind)
            for position, (expected, received) in mistakes.items():
                where = f"row {position + 1} of {len(table)}: {name}"
                raise InputError(where, expected=expected, received=received)
        outputs = self._predict(**inputs)
        return pd.DataFrame(
            {
                name: [each.decode() for each in outputs[name]] if kind == "text" else outputs[name]
                for name, kind in self.outputs.items()
            }
        )

    def bad_rows(self, table: pd.DataFrame) -> Mapping[int, InputError]:
        """The first mistake in each bad row, by the row's position.

        ``predict`` takes the table without these rows.

        Raises:
          InputError: a column is unknown or there twice.
        """
        self._check_names(table)
        errors: dict[int, InputError] = {}
        for name in table.columns:
            _, mistakes = _converted(table[name], self.columns[name])
            for position, (expected, received) in mistakes.items():
                error = InputError(name, expected=expected, received=received)
                errors.setdefault(position, error)
        return dict(sorted(errors.items()))

    def _check_names(self, table: pd.DataFrame) -> None:
        for name in table.columns:
            if name not in self.columns:
                raise InputError(
                    "columns",
                    expected=f"any of {', '.join(self.columns)}",
                    received=reprlib.repr(name),
                    hint=did_you_mean(str(name), self.columns),
                )
        if not table.columns.is_unique:
            twice = table.columns[table.columns.duplicated()][0]
            raise InputError("columns", expected="each once", received=f"{twice!r} twice")


def _kinds(specs: Mapping[str, reload.Tensor]) -> dict[str, InputKind]:
    return {name: "text" if spec["dtype"] == "string" else "number" for name, spec in specs.items()}


_LARGEST = float(np.finfo(np.float32).max)

_Mistakes = dict[int, tuple[str, str]]
"""By a row's position, what was expected and received."""


def _converted(column: pd.Series, kind: InputKind) -> tuple[np.ndarray, _Mistakes]:
    """Values as the signature takes them: float64, NaN where missing; or UTF-8, empty there."""
    mistakes: _Mistakes = {}
    if kind == "text":
        return np.array(_each(column, _text, "text", mistakes), object), mistakes
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        numbers = column.to_numpy(np.float64)
    else:
        numbers = np.array(_each(column, _number, "a number", mistakes), np.float64)
    for position in np.flatnonzero(np.abs(numbers) > _LARGEST):
        expected = f"a number within ±{_LARGEST:.1e}"
        mistakes[int(position)] = expected, f"{numbers[position]:.3g}"
    return numbers, mistakes


_Value = TypeVar("_Value")


def _each(
    column: pd.Series, convert: Callable[[object], _Value], expected: str, mistakes: _Mistakes
) -> list[_Value]:
    # By way of objects: a date is refused then, and not taken for its nanoseconds.
    values: list[_Value] = []
    for position, value in enumerate(column.to_numpy(object)):
        try:
            values.append(convert(value))
        except (TypeError, UnicodeEncodeError):
            mistakes[position] = expected, reprlib.repr(value)
            values.append(convert(None))
    return values


def _number(value: object) -> float:
    if _is_missing(value):
        return np.nan
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return np.inf
    raise TypeError(value)


def _text(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if _is_missing(value):
        return b""
    raise TypeError(value)


def _is_missing(value: object) -> bool:
    return (
        value is None
        or value is pd.NA
        or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))
    )
