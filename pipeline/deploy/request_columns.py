"""Rows of named columns as the arguments of a signature, whether it takes columns or examples.

A column is a number, a whole number or text. Missing values are NaN, None, and empty text. An
argument or a parsed column with ``k`` values a row is ``k`` columns, ``<name>_0`` and so on.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import tensorflow as tf
from google.protobuf.message import DecodeError

from huberflow.components.bundle import reload
from huberflow.components.serving.parsing_spec import ParsedColumn, parsing_spec
from huberflow.components.serving.signatures import EXACT, MISSING_WHOLE
from huberflow.custom_objects.input_error import InputError

Kind = Literal["number", "integer", "text"]

_COLUMNS = "columns"
"""The signature of huberflow's pipelines: what ``serving_default`` parses, numbers as float64."""


@dataclass(frozen=True)
class RequestColumn:
    """A column of a request."""

    dtype: tf.DType
    """What the model computes in: its values are in this range."""
    required: bool
    """Whether every row must have a value."""
    as_float: bool = False
    """Whether whole numbers are passed on as floats."""

    @property
    def range(self) -> tuple[int, int]:
        """The least and the largest whole number."""
        if self.as_float:
            return 1 - EXACT, EXACT - 1
        return self.dtype.min, self.dtype.max

    @property
    def kind(self) -> Kind:
        """The kind of its values."""
        if self.dtype == tf.string:
            return "text"
        return "number" if self.dtype.is_floating else "integer"


def is_missing(values: np.ndarray) -> np.ndarray:
    """Which values of columns are missing."""
    return np.isnan(values) if values.dtype.kind == "f" else pd.isna(values) | (values == b"")


class RequestForm(ABC):
    """The columns of a signature's request, and what it takes in their place.

    Args:
      signature: its name.
      fields: its arguments, or the columns that it parses.

    Raises:
      InputError: two of them would be columns of one name.
    """

    together: Sequence[Sequence[str]] = ()
    """Columns of which a row has all values or none."""

    def __init__(self, signature: str, fields: Sequence["_Field"]) -> None:
        self.signature, self._fields = signature, fields
        self.columns: dict[str, RequestColumn] = {}
        for field in fields:
            refuse_twice(self.columns, field.names())
            self.columns |= field.columns()

    @property
    def by_field(self) -> dict[str, list[str]]:
        """The columns of each argument, or parsed column."""
        return {field.name: field.names() for field in self._fields}

    @abstractmethod
    def arguments(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The signature's arguments for ``[rows]`` arrays: float64, or int or bytes as objects."""

    @abstractmethod
    def rows(self, arguments: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The columns of arguments: the inverse."""


def refuse_twice(columns: Collection[str], names: Iterable[str]) -> None:
    """Refuses a model in which one column would stand for two tensors."""
    for name in names:
        if name in columns:
            raise InputError(
                "MODEL",
                expected="a column of its own for each argument and output of the signature",
                received=f"{name} for two of them",
                hint="name them otherwise, or call the model in Python",
                write="huberflow.predictor(path)",
            )


def request_form(bundle: Path, certificate: reload.Certificate) -> RequestForm | None:
    """The form of ``columns``, else of ``serving_default``, else of the first signature with one.

    None where every signature takes something else than rows of columns, such as images.

    Raises:
      InputError: two of its arguments or parsed columns would be columns of one name.
    """
    first = (_COLUMNS, tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY)
    names = [*first, *certificate["signatures"]]
    for name in [name for name in dict.fromkeys(names) if name in certificate["signatures"]]:
        inputs = certificate["signatures"][name]["inputs"]
        if form := _form(bundle, name, inputs):
            return form
    return None


def example_form(bundle: Path, certificate: reload.Certificate) -> "_Examples | None":
    """The form of ``serving_default``, if it takes ``tf.Example``s."""
    name = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    if name not in certificate["signatures"]:
        return None
    form = _form(bundle, name, certificate["signatures"][name]["inputs"])
    return form if isinstance(form, _Examples) else None


def _form(
    bundle: Path, signature: str, inputs: Mapping[str, reload.layout.Tensor]
) -> RequestForm | None:
    dtypes = [tensor["dtype"] for tensor in inputs.values()]
    parsed = parsing_spec(bundle, signature) if dtypes == ["string"] else {}
    if parsed:
        fields = [_parsed_field(name, column) for name, column in sorted(parsed.items())]
    else:
        default = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        cast = parsing_spec(bundle, default) if signature == _COLUMNS else {}
        fields = [_argument_field(name, tensor, cast.get(name)) for name, tensor in inputs.items()]
    known = [field for field in fields if field is not None]
    if not fields or len(known) < len(fields):
        return None
    return _Examples(signature, known, *inputs) if parsed else _Arguments(signature, known)


@dataclass(frozen=True)
class _Field:
    """An argument, or a parsed column."""

    name: str
    dtype: tf.DType
    computed: tf.DType
    """See ``RequestColumn.dtype``."""
    width: int | None
    """Values of a row; None for one, as a scalar."""
    required: bool

    def columns(self) -> dict[str, RequestColumn]:
        column = RequestColumn(self.computed, self.required, self.dtype != self.computed)
        return dict.fromkeys(self.names(), column)

    def names(self) -> list[str]:
        if self.width in (None, 1):
            return [self.name]
        return [f"{self.name}_{place}" for place in range(self.width or 0)]

    def stacked(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """``[rows, values]``."""
        return np.stack([columns[name] for name in self.names()], axis=1)


def _argument_field(
    name: str, tensor: reload.layout.Tensor, cast: ParsedColumn | None
) -> _Field | None:
    """The argument as a field; None where a row of it is no list of numbers or texts."""
    _, *row = tensor["shape"] or [0, None]
    dtype = tf.as_dtype(tensor["dtype"])
    computed = cast.dtype if cast and dtype == tf.float64 else dtype
    if cast and cast.dtype == dtype == tf.int64:
        return _field(name, dtype, dtype, row, required=False)
    # There is no whole number for a missing value.
    return _field(name, dtype, computed, row, required=dtype.is_integer)


def _parsed_field(name: str, column: ParsedColumn) -> _Field | None:
    row = [1] if column.shape == (None,) else list(column.shape)
    return _field(name, column.dtype, column.dtype, row, required=column.required)


def _field(
    name: str, dtype: tf.DType, computed: tf.DType, row: Sequence[int | None], required: bool
) -> _Field | None:
    known = dtype.is_floating or (dtype.is_integer and not dtype.is_bool) or dtype == tf.string
    if not known or len(row) > 1 or None in row:
        return None
    return _Field(name, dtype, computed, row[0] if row else None, required)


class _Arguments(RequestForm):
    """Columns as arguments."""

    def arguments(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See ``RequestForm``."""
        return {field.name: self._argument(field, columns) for field in self._fields}

    def _argument(self, field: _Field, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        values = field.stacked(columns)
        values = values[:, 0] if field.width is None else values
        if field.dtype == tf.string:
            return values
        if field.dtype.is_integer and not field.required:
            values = np.where(is_missing(values), MISSING_WHOLE, values)
        return values.astype(field.dtype.as_numpy_dtype)

    def rows(self, arguments: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See ``RequestForm``."""
        columns: dict[str, np.ndarray] = {}
        for field in self._fields:
            values = arguments[field.name]
            values = values[:, np.newaxis] if values.ndim == 1 else values
            values = values.astype(np.float64 if field.dtype.is_floating else object)
            if field.dtype.is_integer and not field.required:
                values[values == MISSING_WHOLE] = None
            columns |= dict(zip(field.names(), values.T, strict=True))
        return columns


class _Examples(RequestForm):
    """Columns as serialized ``tf.Example``s; a missing value is left out."""

    def __init__(self, signature: str, fields: Sequence[_Field], argument: str) -> None:
        super().__init__(signature, fields)
        self._argument = argument
        self.together = [field.names() for field in fields]

    def arguments(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See ``RequestForm``."""
        stacked = {field: field.stacked(columns) for field in self._fields}
        count = len(next(iter(columns.values())))
        rows = [
            _example({field: values[row] for field, values in stacked.items()}).SerializeToString()
            for row in range(count)
        ]
        return {self._argument: np.array(rows, object)}

    def rows(self, arguments: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See ``RequestForm``."""
        rows = [
            tf.train.Example.FromString(row).features.feature for row in arguments[self._argument]
        ]
        columns: dict[str, np.ndarray] = {}
        for field in self._fields:
            values = np.array([list(_values(row, field)) for row in rows], object)
            columns |= dict(zip(field.names(), values.T, strict=True))
        return {
            name: values.astype(np.float64 if self.columns[name].kind == "number" else object)
            for name, values in columns.items()
        }

    def table(self, examples: Sequence[bytes]) -> pd.DataFrame:
        """The columns of serialized ``tf.Example``s, as a request has them.

        Raises:
          InputError: one is none, or a value is of the wrong type.
        """
        if not examples:
            return pd.DataFrame(index=range(0))
        try:
            columns = self.rows({self._argument: np.array(examples, object)})
        except DecodeError as error:
            expected = "serialized tf.Examples"
            raise InputError("b64", expected=expected, received="other bytes") from error
        return pd.DataFrame(
            {
                name: [value.decode(errors="surrogateescape") for value in values]
                if self.columns[name].kind == "text"
                else values
                for name, values in columns.items()
            },
            dtype=object,
        )


def _example(row: Mapping[_Field, np.ndarray]) -> tf.train.Example:
    example = tf.train.Example()
    for field, values in row.items():
        if is_missing(values).any():
            continue
        feature = example.features.feature[field.name]
        if field.dtype == tf.string:
            feature.bytes_list.value.extend(values)
        elif field.dtype.is_floating:
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return example


def _values(row: Mapping[str, tf.train.Feature], field: _Field) -> Iterator[bytes | float | None]:
    """A value for each of the field's columns; missing ones where the row has fewer."""
    feature = row[field.name] if field.name in row else tf.train.Feature()
    kind, missing = feature.WhichOneof("kind"), b"" if field.dtype == tf.string else None
    values = list(getattr(feature, kind).value) if kind else []
    names, expected = field.names(), _list_of(field.dtype)
    if kind not in (None, expected) or len(values) > len(names):
        received = f"a {kind} of {len(values)}"
        raise InputError(field.name, expected=f"a {expected} of {len(names)}", received=received)
    for place in range(len(names)):
        yield values[place] if place < len(values) else missing


def _list_of(dtype: tf.DType) -> str:
    """The kind of a ``tf.Example``'s feature."""
    if dtype == tf.string:
        return "bytes_list"
    return "float_list" if dtype.is_floating else "int64_list"
