"""A sample of predictions."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Truth and prediction of the same rows, in units of the label."""

    label: np.ndarray
    prediction: np.ndarray

    def finite(self) -> "Sample":
        """Without the rows in which one of the two is missing or not finite."""
        both = np.isfinite(self.label) & np.isfinite(self.prediction)
        return Sample(self.label[both], self.prediction[both])


def read(path: Path) -> Sample:
    """The sample in a file of JSON lines, each with ``label`` and ``prediction``."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return Sample(*(np.array([row[key] for row in rows], float) for key in ("label", "prediction")))
