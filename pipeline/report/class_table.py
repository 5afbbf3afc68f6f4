"""How well each class is recognised, in a sample of the eval rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huberflow.components.contracts.predictions import read_predictions
from huberflow.components.contracts.target import PREDICTION


@dataclass(frozen=True)
class ClassRow:
    """A class and its rows in the sample."""

    name: str
    rows: int
    """Those that are of the class."""
    predicted: int
    """Those that are predicted as it."""
    right: int
    """Those that are both."""

    @property
    def recall(self) -> float | None:
        """The share of its rows that are predicted as it; None without rows."""
        return self.right / self.rows if self.rows else None

    @property
    def precision(self) -> float | None:
        """The share of the rows predicted as it that are of it; None where there are none."""
        return self.right / self.predicted if self.predicted else None


def class_table(path: Path, classes: Sequence[str]) -> list[ClassRow]:
    """The classes, the one that is recognised worst first; those without rows last.

    Args:
      path: of the Trainer's predictions.
      classes: of the label.
    """
    pairs = Counter(
        (str(row.label), str(row.outputs[PREDICTION])) for row in read_predictions(path)
    )
    rows, predicted = Counter[str](), Counter[str]()
    for (label, prediction), count in pairs.items():
        rows[label] += count
        predicted[prediction] += count
    table = [ClassRow(each, rows[each], predicted[each], pairs[each, each]) for each in classes]
    return sorted(table, key=lambda row: (row.recall is None, row.recall or 0.0))
