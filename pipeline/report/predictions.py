"""A sample of predictions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from huberflow.components.contracts.target import PREDICTION, of_label


@dataclass(frozen=True)
class Sample:
    """Truth and prediction of the same rows, in units of the label."""

    label: np.ndarray
    prediction: np.ndarray

    def finite(self) -> "Sample":
        """Without the rows in which one of the two is missing or not finite."""
        both = np.isfinite(self.label) & np.isfinite(self.prediction)
        return Sample(self.label[both], self.prediction[both])


@dataclass(frozen=True)
class Classes:
    """True and predicted class of the same rows, and the probability of each class."""

    label: np.ndarray
    prediction: np.ndarray
    rows: Sequence[Mapping[str, Any]]

    def probability(self, name: str) -> np.ndarray:
        """Of one class, for each row."""
        return np.array([row[f"probability_{name}"] for row in self.rows], float)


def read_classes(path: Path) -> Classes:
    """As ``read``, of classes."""
    rows = _rows(path)
    label, prediction = (np.array([row[key] for row in rows], str) for key in ("label", PREDICTION))
    return Classes(label, prediction, rows)


def read(path: Path, label: str | None = None) -> Sample:
    """The sample in a file of JSON lines, see ``huberflow.components.training.predictions``.

    Args:
      path: of the file.
      label: one of several; none where there is one alone.
    """
    rows = _rows(path)
    if label is None:
        pairs = [(row["label"], row[PREDICTION]) for row in rows]
    else:
        pairs = [(row["label"][label], row[of_label(PREDICTION, label)]) for row in rows]
    return Sample(*np.array(pairs, float).reshape(-1, 2).T)


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
