"""The names of transformed features: what Transform writes and the model reads.

A ``features`` mapping, plain JSON, says how each raw column is used::

    {"numeric": ["trip_miles"], "categorical": ["company"], "cyclic": {"hour": 24}, ...}
"""

from collections.abc import Mapping
from typing import Any


def value(column: str) -> str:
    """A numeric column, standardised; 0 (its mean) where missing."""
    return f"{column}_value"


def missing(column: str) -> str:
    """1 where a numeric column is missing, else 0."""
    return f"{column}_missing"


def index(column: str) -> str:
    """A categorical column as 0 for missing, then the vocabulary, then one for the unknown."""
    return f"{column}_index"


def sine(column: str) -> str:
    """First coordinate of a cyclic column on the unit circle; 0 where missing."""
    return f"{column}_sine"


def cosine(column: str) -> str:
    """Second coordinate of a cyclic column on the unit circle; 0 where missing."""
    return f"{column}_cosine"


def dense_names(features: Mapping[str, Any]) -> list[str]:
    """Transformed features that are real numbers, in the order the model reads them."""
    numeric = [name(column) for column in features["numeric"] for name in (value, missing)]
    return numeric + [name(column) for column in features["cyclic"] for name in (sine, cosine)]
