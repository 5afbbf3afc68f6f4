"""What a model predicts, and what the outputs of its signatures and its metrics are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREDICTION = "prediction"
"""The number, or the name of the likeliest class."""


@dataclass(frozen=True)
class Target:
    """Numbers of one or several columns, or the class that one column names."""

    labels: tuple[str, ...]
    """Raw columns."""
    classes: tuple[str, ...] = ()
    """Values of the column as text, two or more; none where it holds numbers."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Target":
        """From ``label``, a column or a list of them, and ``classes``; plain JSON."""
        label = config["label"]
        return cls((label,) if isinstance(label, str) else tuple(label), tuple(config["classes"]))

    @property
    def name(self) -> str:
        """Of the label, for people."""
        return " and ".join(self.labels)

    @property
    def width(self) -> int:
        """Numbers that the network gives for a row; of two classes, the second's probability."""
        if self.classes:
            return len(self.classes) if len(self.classes) > 2 else 1
        return len(self.labels)

    @property
    def activation(self) -> str:
        """Of the network's last layer."""
        return ("softmax" if self.width > 1 else "sigmoid") if self.classes else "linear"

    @property
    def numbers(self) -> tuple[str, ...]:
        """Outputs that are numbers: of each class the probability, of each label the value."""
        if self.classes:
            return tuple(f"probability_{name}" for name in self.classes)
        if not self.parts:
            return (PREDICTION,)
        return tuple(of_label(PREDICTION, label) for label in self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """Labels that are judged apart, beside all together; none where there is one alone."""
        return self.labels if len(self.labels) > 1 else ()

    @property
    def always(self) -> tuple[str, ...]:
        """Metrics that every evaluation has: rows, and Σ prediction / Σ label by weight.

        There is no such sum over several classes, or over labels of several units.
        """
        if self.parts:
            return ("example_count", *(of_label("calibration", label) for label in self.parts))
        return ("example_count",) if self.width > 1 else ("example_count", "calibration")


def of_label(name: str, label: str) -> str:
    """What an output or a metric of one label of several is called."""
    return f"{name}_{label}"
