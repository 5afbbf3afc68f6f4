"""A sample of the model's predictions, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from huberflow.components.contracts.predictions import PredictedRow, read_predictions
from huberflow.components.contracts.target import PREDICTION, of_label


@dataclass(frozen=True)
class NumberSample:
    """Labels and predictions of the same rows, in units of the label."""

    label: np.ndarray
    prediction: np.ndarray

    def finite(self) -> "NumberSample":
        """The rows in which both values are finite."""
        both = np.isfinite(self.label) & np.isfinite(self.prediction)
        return NumberSample(self.label[both], self.prediction[both])


@dataclass(frozen=True)
class ClassSample:
    """True and predicted class of the same rows, and the probability of each class."""

    label: np.ndarray
    prediction: np.ndarray
    rows: Sequence[PredictedRow]

    def probability(self, name: str) -> np.ndarray:
        """The probability of one class, for each row."""
        return np.array([row.outputs[f"probability_{name}"] for row in self.rows], float)


def read_classes(path: Path) -> ClassSample:
    """The sample in a file of predicted classes."""
    rows = list(read_predictions(path))
    label = np.array([row.label for row in rows], str)
    return ClassSample(label, np.array([row.outputs[PREDICTION] for row in rows], str), rows)


def read_numbers(path: Path, label: str | None = None) -> NumberSample:
    """The sample in a file of predicted numbers.

    Args:
      path: of the file.
      label: one of several labels; None where there is one.
    """
    output = PREDICTION if label is None else of_label(PREDICTION, label)
    pairs = [
        (
            row.label[label] if label and isinstance(row.label, Mapping) else row.label,
            row.outputs[output],
        )
        for row in read_predictions(path)
    ]
    return NumberSample(*np.array(pairs, float).reshape(-1, 2).T)
