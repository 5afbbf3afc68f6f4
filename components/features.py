"""What Transform writes and the model reads: two tensors and the label.

A ``features`` mapping, plain JSON, says how each raw column is used::

    {"numeric": ["trip_miles"], "categorical": ["company"], "cyclic": {"hour": 24},
     "vocabulary_size": 1000}
"""

from collections.abc import Mapping
from typing import Any

NUMBERS = "numbers"
"""float32 ``[batch, numbers]``: value and missing mark of each numeric column, sine and cosine of
each cyclic one, in the order of ``features``."""

INDICES = "indices"
"""int64 ``[batch, categories]``: rows of one embedding table. Each categorical column has its own
range of rows: first missing, then its vocabulary, last the unknown."""


def columns(features: Mapping[str, Any]) -> list[str]:
    """All raw columns that the model reads."""
    return [*features["numeric"], *features["categorical"], *features["cyclic"]]


def table_rows(vocabulary_sizes: Mapping[str, int]) -> int:
    """Rows of the embedding table: every vocabulary, and two more for missing and unknown."""
    return sum(size + 2 for size in vocabulary_sizes.values())
