"""Which rows of a table are labelled; see ``components.contracts.labelled_rows``."""

from typing import TYPE_CHECKING

import numpy as np

from huberflow.components.contracts.labelled_rows import classes_as_numbers
from huberflow.components.contracts.target import Target

if TYPE_CHECKING:
    import pyarrow as pa


def is_labelled(batch: "pa.Table", target: Target) -> np.ndarray:
    """Whether each row is labelled, bool ``[rows]``."""
    if not target.classes:
        return np.all([np.isfinite(numbers(batch, name)) for name in target.labels], axis=0)
    (label,) = target.labels
    if (classes := classes_as_numbers(target.classes)) is not None:
        return np.isin(numbers(batch, label), classes)
    if label not in batch.column_names:
        return np.zeros(len(batch), bool)
    return np.isin(batch[label].to_pandas().astype(str), target.classes)


def numbers(batch: "pa.Table", name: str) -> np.ndarray:
    """The numbers of a column, NaN where there is none; TFRecords may lack the column."""
    import pandas as pd

    if name not in batch.column_names:
        return np.full(len(batch), np.nan)
    return pd.to_numeric(batch[name].to_pandas(), errors="coerce").to_numpy(np.float64)
