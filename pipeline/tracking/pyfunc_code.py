"""The code of an MLflow pyfunc model that predicts with an exported SavedModel.

MLflow copies this file beside the model and runs it there: it needs mlflow, tensorflow, numpy and
pandas, but not huberflow.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    import tensorflow as tf


class SavedModel(PythonModel):
    """Predicts from a table of raw columns, through the SavedModel's signature ``columns``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the SavedModel."""
        # Imported here, because saving the model runs this file, and needs no TensorFlow.
        import tensorflow as tf

        # A signature works only as long as its model is alive.
        self._model = tf.saved_model.load(context.artifacts["saved_model"])
        self._predict = self._model.signatures["columns"]
        _, specs = self._predict.structured_input_signature
        self._converters = {
            name: _text if spec.dtype == tf.string else _numbers for name, spec in specs.items()
        }

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """The model's outputs as a table with the index of ``model_input``.

        Args:
          context: not used.
          model_input: raw columns; an absent column is missing in every row.
          params: not used.

        Raises:
          ValueError: the table has none of the columns, or a value has the wrong type.
        """
        if not model_input.columns.intersection(list(self._converters)).size:
            raise ValueError(
                f"expected a table with columns such as {', '.join(self._converters)}, received "
                f"one with {', '.join(map(str, model_input.columns)) or 'no column'}"
            )
        table = model_input.reindex(columns=list(self._converters))
        columns = {name: convert(table[name]) for name, convert in self._converters.items()}
        outputs = self._predict(**columns)
        return pd.DataFrame(
            {name: _plain(outputs[name].numpy()) for name in sorted(outputs)}, index=table.index
        )


def _plain(values: np.ndarray) -> list[str] | np.ndarray:
    """Numbers as float64, text as str."""
    return (
        [each.decode() for each in values] if values.dtype == object else values.astype(np.float64)
    )


def _numbers(column: pd.Series) -> "tf.Tensor":
    """float64, NaN where missing."""
    import tensorflow as tf

    try:
        # As objects first: a date is refused then, instead of read as nanoseconds.
        values = column.astype(object).where(column.notna(), np.nan).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column {column.name}: expected numbers, None where missing; received {error}"
        ) from error
    return tf.constant(values.to_numpy())


def _text(column: pd.Series) -> "tf.Tensor":
    """Strings, empty where missing."""
    import tensorflow as tf

    values = column.astype(object).where(column.notna(), "")
    wrong = next((value for value in values if not isinstance(value, str)), None)
    if wrong is not None:
        raise ValueError(
            # Texts of numbers are ambiguous: pandas reads 8 as 8.0 beside a missing value.
            f"column {column.name}: expected text, None where missing; received {wrong!r}; "
            f"write: pandas.read_csv(path, dtype={{{column.name!r}: str}})"
        )
    return tf.constant(values.to_list(), tf.string)


set_model(SavedModel())
