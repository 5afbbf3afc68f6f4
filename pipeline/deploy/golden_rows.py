"""The golden rows of an exported model as a table of its raw columns."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from huberflow.components.bundle import reload


def golden_rows(bundle: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Every row that the signature ``columns`` was asked with; None where a value is missing.

    One row without values where it was not asked.
    """
    recorded = reload.golden(bundle).requests.get("columns", {})
    values = {name: [*map(_value, recorded.get(name, [b""]))] for name in columns}
    return pd.DataFrame(values, dtype=object)


def _value(value: bytes | np.float64) -> str | float | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace") or None
    return None if np.isnan(value) else float(value)
