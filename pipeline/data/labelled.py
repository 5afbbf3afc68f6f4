"""Which rows have a label."""

from typing import TYPE_CHECKING

import numpy as np

from huberflow.components.contracts.target import Target

if TYPE_CHECKING:
    import pyarrow as pa


def is_labelled(batch: "pa.Table", target: Target) -> np.ndarray:
    """Rows with a finite number in each of the columns, or with one of the classes."""
    if not target.classes:
        return np.all([np.isfinite(numbers(batch, name)) for name in target.labels], axis=0)
    (label,) = target.labels
    if all(name.removeprefix("-").isdecimal() for name in target.classes):
        return np.isin(numbers(batch, label), [float(name) for name in target.classes])
    if label not in batch.column_names:
        return np.zeros(len(batch), bool)
    return np.isin(batch[label].to_pandas().astype(str), target.classes)


def numbers(batch: "pa.Table", name: str) -> np.ndarray:
    """A column of numbers, NaN where there is none; TFRecords may lack it."""
    import pandas as pd

    if name not in batch.column_names:
        return np.full(len(batch), np.nan)
    return pd.to_numeric(batch[name].to_pandas(), errors="coerce").to_numpy(np.float64)
