"""The golden rows of an exported model as a table of its raw columns."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from huberflow.components.bundle import reload

if TYPE_CHECKING:
    import tensorflow as tf


def golden_rows(bundle: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Every golden row; None where a value is missing."""
    import tensorflow as tf

    records = tf.data.TFRecordDataset(str(bundle / reload.GOLDEN_EXAMPLES)).as_numpy_iterator()
    rows = [tf.train.Example.FromString(record).features.feature for record in records]
    values = {name: [_value(row[name]) for row in rows] for name in columns}
    return pd.DataFrame(values, dtype=object)


def _value(feature: "tf.train.Feature") -> str | float | None:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else []
    value = values[0] if values else None
    return value.decode(errors="replace") if isinstance(value, bytes) else value
