"""The code of an MLflow pyfunc model that predicts with a signature of a SavedModel.

MLflow copies this file beside the model and runs it there: it needs mlflow, tensorflow, numpy and
pandas, but not huberflow.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    import tensorflow as tf

COLUMNS = "columns"
"""The signature whose inputs are raw columns, any of which may be missing."""


class SavedModel(PythonModel):
    """Predicts with the signature that the model's config names."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the SavedModel."""
        # Imported here, because saving the model runs this file, and needs no TensorFlow.
        import tensorflow as tf
        from tensorflow.core.protobuf.saved_model_pb2 import SavedModel as SavedModelProto

        folder = context.artifacts["saved_model"]
        # A signature works only as long as its model is alive.
        self._model = tf.saved_model.load(folder)
        self._signature = context.model_config["signature"]
        self._marks = context.model_config["missing"]
        self._function = self._model.signatures[self._signature]
        # Of the file: the loaded function does not know the names of columns such as "Ship Mode".
        proto = SavedModelProto.FromString(Path(folder, "saved_model.pb").read_bytes())
        inputs = proto.meta_graphs[0].signature_def[self._signature].inputs
        self._specs = {
            name: tf.TensorSpec(tf.TensorShape(tensor.tensor_shape), tf.as_dtype(tensor.dtype))
            for name, tensor in sorted(inputs.items())
        }
        # It does not take columns such as "self" by their names, but by those of the tensors.
        _, taken = self._function.structured_input_signature
        self._arguments = {
            name: name
            if name in taken
            else tensor.name.removeprefix(f"{self._signature}_").removesuffix(":0")
            for name, tensor in inputs.items()
        }

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,  # or an array, or a dict of arrays; MLflow refuses a union
        params: Mapping[str, object] | None = None,
    ) -> pd.DataFrame | np.ndarray | dict[str, np.ndarray]:
        """The signature's outputs: a table for a table, with its index; arrays for arrays.

        Args:
          context: not used.
          model_input: a table with a column for each input, or one row of the only input in each
            row; a dict of arrays; or the array of the only input. For raw columns a table, in which
            an absent column is missing in every row.
          params: not used.

        Raises:
          ValueError: an input is missing, or has the wrong type.
        """
        if not isinstance(model_input, pd.DataFrame):
            outputs = self._predict(self._tensors(model_input))
            arrays = {name: _plain(outputs[name].numpy()) for name in sorted(outputs)}
            return arrays if len(arrays) > 1 else next(iter(arrays.values()))
        is_columns = self._signature == COLUMNS
        inputs = self._raw_columns(model_input) if is_columns else self._table(model_input)
        outputs = self._predict(inputs)
        columns = {name: _column(_plain(outputs[name].numpy())) for name in sorted(outputs)}
        return pd.DataFrame(columns, index=model_input.index)

    def _predict(self, inputs: Mapping[str, "tf.Tensor"]) -> Mapping[str, "tf.Tensor"]:
        outputs: Mapping[str, tf.Tensor] = self._function(
            **{self._arguments[name]: tensor for name, tensor in inputs.items()}
        )
        return outputs

    def _tensors(self, values: Mapping[str, np.ndarray] | np.ndarray) -> dict[str, "tf.Tensor"]:
        import tensorflow as tf

        if not isinstance(values, Mapping):
            if len(self._specs) > 1:
                raise ValueError(f"expected {self._expected()}, received one array")
            values = dict.fromkeys(self._specs, values)
        if values.keys() != self._specs.keys():
            raise ValueError(f"expected {self._expected()}, received {', '.join(values)}")
        arrays = {name: np.asarray(values[name]) for name in self._specs}
        for name, spec in self._specs.items():
            _refuse_inexact(name, arrays[name], spec.dtype)
        return {
            name: tf.constant(_of_rank(arrays[name], spec.shape.rank), spec.dtype)
            for name, spec in self._specs.items()
        }

    def _expected(self) -> str:
        return f"a dict of arrays or a table with {', '.join(self._specs)}"

    def _table(self, table: pd.DataFrame) -> dict[str, "tf.Tensor"]:
        if len(self._specs) == 1 and not table.columns.intersection(list(self._specs)).size:
            return self._tensors(table.to_numpy())
        return self._tensors({name: np.array(table[name].to_list()) for name in table.columns})

    def _raw_columns(self, table: pd.DataFrame) -> dict[str, "tf.Tensor"]:
        if not table.columns.intersection(list(self._specs)).size:
            raise ValueError(
                f"expected a table with columns such as {', '.join(self._specs)}, received "
                f"one with {', '.join(map(str, table.columns)) or 'no column'}"
            )
        table = table.reindex(columns=list(self._specs))
        return {name: self._column(table[name], spec.dtype) for name, spec in self._specs.items()}

    def _column(self, column: pd.Series, dtype: "tf.DType") -> "tf.Tensor":
        import tensorflow as tf

        if dtype == tf.string:
            return _text(column)
        values = column.astype(object)
        marks = values.map(
            lambda each: isinstance(each, str) and each.strip().lower() in self._marks
        )
        present = column.notna() & ~marks
        return _whole_numbers(values, present) if dtype.is_integer else _numbers(values, present)


def _refuse_inexact(name: str, given: np.ndarray, wanted: "tf.DType") -> None:
    """Refuses what TensorFlow would change in silence: 1.7 to 1, and NaN to any whole number."""
    if not (wanted.is_integer or wanted.is_bool):
        return
    try:
        with np.errstate(invalid="ignore"):
            exact = given.dtype.kind in "biufO" and np.array_equal(
                given.astype(wanted.as_numpy_dtype), given
            )
    except (TypeError, ValueError, OverflowError):  # of None, text, NaN among objects
        exact = False
    if not exact:
        kind = "True or False" if wanted.is_bool else "whole numbers"
        raise ValueError(
            f"{name}: expected {kind} ({wanted.name}), received {given.tolist()!s:.80}"
        )


def _of_rank(values: np.ndarray, rank: int | None) -> np.ndarray:
    """A column ``[batch]`` as ``[batch, 1]`` where the model takes that, and the other way."""
    if rank == values.ndim + 1 == 2:
        return values[:, np.newaxis]
    if rank == 1 and values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    return values


def _plain(values: np.ndarray) -> np.ndarray:
    """Numbers as they are, text as str."""
    return np.vectorize(bytes.decode, [object])(values) if values.dtype == object else values


def _column(values: np.ndarray) -> list[str] | list[list[float]] | np.ndarray:
    """A value for each row; numbers as float64."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype == object or values.ndim > 1:
        return values.tolist()
    return values.astype(np.float64)


def _whole_numbers(column: pd.Series, present: pd.Series) -> "tf.Tensor":
    """int64, its least number where missing."""
    import tensorflow as tf

    whole = column[present].map(_is_whole)
    if not whole.all():
        raise ValueError(
            f"column {column.name}: expected whole numbers, pandas.NA where missing; received "
            f"{column[present][~whole].iloc[0]!r}"
        )
    return tf.constant([*map(int, column.where(present, tf.int64.min))], tf.int64)


def _is_whole(value: object) -> bool:
    """Whether a value is a whole number; a float beyond 2**53 may stand for another."""
    if isinstance(value, float | np.floating):
        return float(value).is_integer() and abs(float(value)) < 2**53
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _numbers(column: pd.Series, present: pd.Series) -> "tf.Tensor":
    """float64, NaN where missing."""
    import tensorflow as tf

    try:
        # Of objects: a date is refused then, instead of read as nanoseconds.
        values = column.where(present, np.nan).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column {column.name}: expected numbers, None where missing; received {error}"
        ) from error
    return tf.constant(values.to_numpy())


def _text(column: pd.Series) -> "tf.Tensor":
    """Strings, empty where missing; a boolean is ``true`` or ``false``."""
    import tensorflow as tf

    values = column.astype(object).where(column.notna(), "")
    values = values.map(
        lambda each: str(each).lower() if isinstance(each, bool | np.bool_) else each
    )
    wrong = next((value for value in values if not isinstance(value, str)), None)
    if wrong is not None:
        raise ValueError(
            # Texts of numbers are ambiguous: pandas reads 8 as 8.0 beside a missing value.
            f"column {column.name}: expected text, None where missing; received {wrong!r}; "
            f"write: pandas.read_csv(path, dtype={{{column.name!r}: str}})"
        )
    return tf.constant(values.to_list(), tf.string)


set_model(SavedModel())
