"""The golden rows of a bundle, and the values for them: ``golden.npz``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from .arrays import nested, read_arrays
from .layout import GOLDEN_VALUES

if TYPE_CHECKING:
    import numpy as np

    from .arrays import Nested


class Golden(NamedTuple):
    """Some rows, and the values that a model gave for them; ``golden.npz``."""

    inputs: Nested
    """As Keras takes them; None where the bundle has no values of the Keras model."""
    labels: Nested
    sample_weight: Nested
    requests: dict[str, dict[str, np.ndarray]]
    """For each signature that was asked, its arguments; text as bytes."""
    values: dict[str, np.ndarray]
    """``model/prediction``, ``model/<metric>``, ``steps``, ``answers/<signature>/<output>``."""


def read_golden(root: Path) -> Golden:
    """The golden values, of a bundle that is verified."""
    arrays = read_arrays(root / GOLDEN_VALUES)
    requests: dict[str, dict[str, np.ndarray]] = {}
    values = {}
    for name, array in arrays.items():
        kind, *parts = name.split("/")
        if kind == "requests":
            requests.setdefault(unquote(parts[0]), {})[unquote(parts[1])] = array
        elif kind not in _ROWS:
            values[name] = array
    inputs, labels, sample_weight = (nested(part, arrays) for part in _ROWS)
    return Golden(inputs, labels, sample_weight, requests, values)


_ROWS = ("inputs", "labels", "sample_weight")
