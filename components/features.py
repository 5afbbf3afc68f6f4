"""What Transform writes and the model reads: two tensors and the label.

A ``features`` mapping, plain JSON, says how each raw column is used::

    {"numeric": ["trip_miles"], "categorical": ["company"], "cyclic": {"hour": 24},
     "vocabulary_size": 1000}
"""

from collections.abc import Mapping
from typing import Any

NUMBERS = "numbers"
"""float32 ``[batch, numbers]``: the value of each numeric column, then whether it is missing; the
sine of each cyclic column, then its cosine."""

INDICES = "indices"
"""int64 ``[batch, categories]``: rows of one embedding table, see ``VOCABULARY``."""

VOCABULARY = "categories"
"""One vocabulary for all categorical columns, of entries such as ``company=Flash Cab``. A missing
value is ``company=``; what is not in the vocabulary shares the row after its last."""


def columns(features: Mapping[str, Any]) -> list[str]:
    """All raw columns that the model reads."""
    return [*features["numeric"], *features["categorical"], *features["cyclic"]]


def count_numbers(features: Mapping[str, Any]) -> int:
    """Width of ``NUMBERS``."""
    return 2 * (len(features["numeric"]) + len(features["cyclic"]))
