"""Raw columns in, predictions out: by a signature of an exported model."""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.data.source import did_you_mean
from huberflow.pipeline.deploy.request_columns import Kind, request_form

_NAMES: Mapping[Kind, str] = {"number": "a number", "integer": "a whole number", "text": "text"}


class Scorer:
    """Predicts from tables of raw columns; runs no custom code.

    A number is an int or a float, not a bool, a date or text that looks like one; it lies within
    the range of float32, which the model computes in. Text is a str that UTF-8 can write, not a
    number: 8 and 8.0 would be two texts of one value. None, NaN, NA and empty text are missing
    values, and so is every row of a column that is absent.

    The model is asked by its signature ``columns``, else by another that takes columns, or
    ``tf.Example``s, which are made of them; see ``pipeline.deploy.request_columns``.

    Args:
      bundle: the exported model.

    Raises:
      ReloadError: the bundle is not as it was written.
      InputError: no signature of it takes rows of columns.
    """

    def __init__(self, bundle: Path) -> None:
        certificate = reload.verify(bundle)
        form = request_form(bundle, certificate)
        if form is None:
            raise _no_columns(certificate["signatures"])
        self._form, self._predict = form, reload.predictor(bundle, form.signature)
        self._bundle = bundle
        self.certificate: str = certificate["sha256"]
        """The hash of the certificate."""
        self.columns = {name: column.kind for name, column in form.columns.items()}
        """The kind of each column that the model reads."""
        self.required = [name for name, column in form.columns.items() if column.required]
        """The columns that must have a value in every row."""
        self.outputs = dict(_outputs(certificate["signatures"][form.signature]["outputs"]))
        """The dtype of each output; one of ``k`` values a row is ``k`` outputs, ``<name>_0`` on."""

    def golden_rows(self) -> pd.DataFrame:
        """The rows that the signature was asked with, None where a value is missing.

        One row without values where it was not asked.
        """
        recorded = reload.golden(self._bundle).requests.get(self._form.signature)
        if recorded is None:
            return pd.DataFrame({name: [None] for name in self.columns}, dtype=object)
        rows = self._form.rows(recorded)
        return pd.DataFrame({name: [*map(_plain, rows[name])] for name in rows}, dtype=object)

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """The model's outputs as columns, numbers or text, in the order of the rows.

        Raises:
          InputError: a column is unknown or there twice, or a value is of the wrong type.
        """
        self._check_names(table)
        columns = {}
        for name, kind in self.columns.items():
            if name not in table:
                columns[name] = np.full(len(table), b"" if kind == "text" else np.nan)
                continue
            columns[name], mistakes = self._converted(table[name])
            for position, (expected, received) in mistakes.items():
                where = f"row {position + 1} of {len(table)}: {name}"
                raise InputError(where, expected=expected, received=received)
        answers = self._predict(**self._form.arguments(columns))
        outputs = dict(_columns(answers))
        return pd.DataFrame(
            {
                name: outputs[name] if dtype != "string" else [t.decode() for t in outputs[name]]
                for name, dtype in self.outputs.items()
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
            _, mistakes = self._converted(table[name])
            for position, (expected, received) in mistakes.items():
                error = InputError(name, expected=expected, received=received)
                errors.setdefault(position, error)
        return dict(sorted(errors.items()))

    def _converted(self, column: pd.Series) -> tuple[np.ndarray, "_Mistakes"]:
        name = str(column.name)
        values, mistakes = _converted(column, self.columns[name])
        if name in self.required:
            missing = values == b"" if self.columns[name] == "text" else np.isnan(values)
            for position in np.flatnonzero(missing):
                mistakes.setdefault(int(position), (_NAMES[self.columns[name]], "none"))
        return values, mistakes

    def _check_names(self, table: pd.DataFrame) -> None:
        for name in self.required:
            if name not in table:
                expected = f"{name}, which the model needs in every row"
                received = ", ".join(map(str, table.columns))
                raise InputError("columns", expected=expected, received=received)
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


def _no_columns(signatures: Mapping[str, reload.Signature]) -> InputError:
    takes = [
        f"{name} with {argument} {tensor['dtype']} {tensor['shape']}"
        for name, signature in signatures.items()
        for argument, tensor in signature["inputs"].items()
    ]
    return InputError(
        "MODEL",
        expected="a signature of columns, numbers or text by row, or of tf.Examples",
        received="; ".join(takes) or "no signature",
        hint="call it in Python: huberflow.predictor(path)",
    )


def _outputs(tensors: Mapping[str, reload.Tensor]) -> Iterator[tuple[str, str]]:
    for name, tensor in tensors.items():
        width = (tensor["shape"] or [None])[1:]
        if width in ([], [1]):
            yield name, tensor["dtype"]
        elif len(width) == 1 and width[0] is not None:
            yield from ((f"{name}_{place}", tensor["dtype"]) for place in range(width[0]))
        else:
            expected = "outputs of numbers or text, [batch] or [batch, k]"
            raise InputError("MODEL", expected=expected, received=f"{name}: {tensor['shape']}")


def _columns(answers: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """The outputs of ``_outputs``."""
    for name, answer in answers.items():
        values = [answer] if answer.ndim == 1 else list(answer.T)
        names = [name] if len(values) == 1 else [f"{name}_{n}" for n in range(len(values))]
        yield from zip(names, values, strict=True)


def _plain(value: bytes | float) -> str | float | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace") or None
    return None if np.isnan(value) else float(value)


_LARGEST = float(np.finfo(np.float32).max)

_Mistakes = dict[int, tuple[str, str]]
"""By a row's position, what was expected and received."""


def _converted(column: pd.Series, kind: Kind) -> tuple[np.ndarray, _Mistakes]:
    """Values as the signature takes them: float64, NaN where missing; or UTF-8, empty there."""
    mistakes: _Mistakes = {}
    if kind == "text":
        return np.array(_each(column, _text, "text", mistakes), object), mistakes
    if column.dtype.kind in "iuf" and isinstance(column.dtype, np.dtype):
        numbers = column.to_numpy(np.float64)
    else:
        numbers = np.array(_each(column, _number, _NAMES[kind], mistakes), np.float64)
    for position in np.flatnonzero(np.abs(numbers) > _LARGEST):
        expected = f"a number within ±{_LARGEST:.1e}"
        mistakes[int(position)] = expected, f"{numbers[position]:.3g}"
    if kind == "integer":
        for position in np.flatnonzero(np.mod(numbers, 1) > 0):
            mistakes[int(position)] = _NAMES[kind], f"{numbers[position]:.6g}"
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
