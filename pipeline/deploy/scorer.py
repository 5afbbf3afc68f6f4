"""Raw columns in, predictions out: by a signature of an exported model."""

import reprlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from huberflow.components.bundle import reload
from huberflow.components.contracts.missing import texts_of
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.column_names import check_names
from huberflow.pipeline.deploy.column_values import Mistakes, converted
from huberflow.pipeline.deploy.request_columns import (
    example_form,
    is_missing,
    refuse_twice,
    request_form,
)


class Scorer:
    """Predicts from tables of raw columns; runs no Python of the bundle.

    A number is an int or a float, not a bool, a date or text that looks like one; it lies within
    the range of the dtype that the model computes in. A whole number is not rounded to a float, and
    a float beyond 2**53, which may stand for another, is no whole number. Text is a str that UTF-8
    can write, or a bool, which is ``true`` or ``false``; not a number: 8 and 8.0 would be two texts
    of one value. None, NaN, NA and empty text are missing values, and so is every row of a column
    that is absent. In place of a number, texts such as ``N/A`` are missing values too; see
    ``contracts.missing``. So are the texts of ``data.missing`` that it was trained with.

    The model is asked by its signature ``columns``, else by another that takes columns, or
    ``tf.Example``s, which are made of them; see ``pipeline.deploy.request_columns``.

    Args:
      bundle: the exported model.
      allow_ops: ops of it that may do more than compute.

    Raises:
      ReloadError: the bundle is not as it was written, or has other such ops.
      InputError: no signature of it takes rows of columns, or its outputs are none.
    """

    def __init__(self, bundle: Path, allow_ops: Collection[str] = ()) -> None:
        with reload.integrity.verified(bundle) as (root, certificate):
            form = request_form(root, certificate)
            if form is None:
                raise _no_columns(certificate["signatures"])
            predict = reload.loading.predictor_of(root, certificate, form.signature, allow_ops)
            self._examples = example_form(root, certificate)
        self._form, self._predict, self._bundle = form, predict, root
        self._missing = texts_of(certificate["training"])
        self.signature = form.signature
        """The one by which the model is asked."""
        self.fields = form.by_field
        """The columns of each of its arguments, or of those that it parses."""
        self.certificate: str = certificate["sha256"]
        """The hash of the certificate."""
        self.columns = {name: column.kind for name, column in form.columns.items()}
        """The kind of each column that the model reads."""
        self.dtypes = {name: column.dtype.name for name, column in form.columns.items()}
        """The dtype that the model computes in, for each of them."""
        self.required = [name for name, column in form.columns.items() if column.required]
        """The columns that must have a value in every row."""
        self.outputs = _outputs(certificate["signatures"][form.signature]["outputs"])
        """The dtype of each output; one of ``k`` values a row is ``k`` outputs, ``<name>_0`` on."""

    def golden_rows(self) -> pd.DataFrame:
        """The rows that the signature was asked with, None where a value is missing.

        One row without values where it was not asked.
        """
        recorded = reload.golden_record.read_golden(self._bundle).requests.get(self._form.signature)
        if recorded is None:
            return pd.DataFrame({name: [None] for name in self.columns}, dtype=object)
        rows = self._form.rows(recorded)
        return pd.DataFrame({name: [*map(_plain, rows[name])] for name in rows}, dtype=object)

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """The model's outputs as columns, numbers or text, in the order of the rows.

        Raises:
          InputError: a column is unknown or there twice, or a value is of the wrong type.
        """
        outputs = dict(_columns(self.answers(table), len(table)))
        return pd.DataFrame(
            {
                name: outputs[name] if dtype != "string" else texts(name, outputs[name])
                for name, dtype in self.outputs.items()
            }
        )

    def answers(self, table: pd.DataFrame) -> Mapping[str, np.ndarray]:
        """The model's outputs as it gives them: a value for each row, or several.

        Raises:
          InputError: as ``predict``.
        """
        columns, mistakes = self._read(table)
        for name, found in mistakes.items():
            for position, (expected, received) in found.items():
                where = f"row {position + 1} of {len(table)}: {name}"
                raise InputError(where, expected=expected, received=received)
        return self._predict(**self._form.arguments(columns))

    def from_examples(self, examples: Sequence[bytes]) -> pd.DataFrame | None:
        """The table of serialized ``tf.Example``s; None if ``serving_default`` takes none.

        Raises:
          InputError: one is none, or a value is of the wrong type.
        """
        form = self._examples
        known = form is not None and form.columns.keys() <= self.columns.keys()
        return form.table(examples) if form and known else None

    def without_missing_texts(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows with None where a text of ``data.missing`` stands in place of a number."""
        if not self._missing:
            return table
        table = table.copy()
        for name in table.columns:
            if self.columns.get(name, "text") != "text":
                absent = table[name].isin(self._missing)
                if absent.any():
                    table[name] = table[name].astype(object).mask(absent, None)
        return table

    def bad_rows(self, table: pd.DataFrame) -> Mapping[int, InputError]:
        """The first mistake in each bad row, by the row's position.

        ``predict`` takes the table without these rows.

        Raises:
          InputError: a column is unknown or there twice.
        """
        _, mistakes = self._read(table)
        errors: dict[int, InputError] = {}
        for name in [*table.columns, *mistakes]:
            for position, (expected, received) in mistakes[name].items():
                error = InputError(name, expected=expected, received=received)
                errors.setdefault(position, error)
        return dict(sorted(errors.items()))

    def _read(self, table: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, Mistakes]]:
        """The columns as the form takes them, and the mistakes in each."""
        self._check_names(table)
        table = self.without_missing_texts(table)
        columns: dict[str, np.ndarray] = {}
        mistakes: dict[str, Mistakes] = {}
        absent = pd.Series([None] * len(table), dtype=object)
        for name, column in self._form.columns.items():
            given = table.get(name, absent)
            columns[name], mistakes[name] = converted(given, column)
        for names in self._form.together:
            missing = np.stack([is_missing(columns[name]) for name in names], axis=1)
            for row, place in np.argwhere(missing & ~missing.all(axis=1, keepdims=True)):
                expected = f"a value, for the row has others of {names[0]} to {names[-1]}"
                mistakes[names[place]].setdefault(int(row), (expected, "none"))
        return columns, mistakes

    def _check_names(self, table: pd.DataFrame) -> None:
        for name in self.required:
            if name not in table:
                expected = f"{name}, which the model needs in every row"
                received = ", ".join(map(str, table.columns))
                raise InputError("columns", expected=expected, received=received)
        check_names(table.columns, self.columns)
        if not table.columns.is_unique:
            twice = table.columns[table.columns.duplicated()][0]
            raise InputError("columns", expected="each once", received=f"{twice!r} twice")


def _no_columns(signatures: Mapping[str, reload.layout.Signature]) -> InputError:
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


def _outputs(tensors: Mapping[str, reload.layout.Tensor]) -> dict[str, str]:
    outputs: dict[str, str] = {}
    for name, tensor in tensors.items():
        shape = [None] if tensor["shape"] is None else tensor["shape"]
        if len(shape) not in (1, 2) or shape[1:] == [None]:
            raise _wrong_output(f"{name}: {shape}")
        width = shape[1] if len(shape) == 2 else 1
        names = [name] if width == 1 else [f"{name}_{place}" for place in range(width or 0)]
        refuse_twice(outputs, names)
        outputs |= dict.fromkeys(names, tensor["dtype"])
    return outputs


def _wrong_output(received: str) -> InputError:
    expected = "outputs of numbers or text, [batch] or [batch, k]"
    hint = "call it in Python: huberflow.predictor(path)"
    return InputError("MODEL", expected=expected, received=received, hint=hint)


def _columns(answers: Mapping[str, np.ndarray], rows: int) -> Iterator[tuple[str, np.ndarray]]:
    """The outputs of ``_outputs``."""
    for name, answer in answers.items():
        if answer.ndim not in (1, 2) or len(answer) != rows:
            raise _wrong_output(f"{name}: {list(answer.shape)} for {rows} rows")
        values = [answer] if answer.ndim == 1 else list(answer.T)
        names = [name] if len(values) == 1 else [f"{name}_{n}" for n in range(len(values))]
        yield from zip(names, values, strict=True)


def texts(name: str, values: np.ndarray) -> list[str]:
    """An output of text as such.

    Raises:
      InputError: it is no text.
    """
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError as error:
        received = reprlib.repr(error.object)
        raise _wrong_output(f"{name} with bytes that are no text in UTF-8: {received}") from error


def _plain(value: bytes | float | None) -> str | float | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace") or None
    return None if value is None or np.isnan(value) else value
