"""What a model predicts, and the names of its outputs and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

PREDICTION = "prediction"
"""The output that is the number, or the name of the likeliest class."""


@dataclass(frozen=True)
class Target:
    """Numbers of one or several columns, or the class that one column names."""

    labels: tuple[str, ...]
    """Raw columns."""
    classes: tuple[str, ...] = ()
    """The column's values as text, two or more; empty where it is a number."""

    @classmethod
    def of(cls, label: str | Sequence[str], classes: Sequence[str]) -> "Target":
        """The target of a config's ``label``, a column or several, and ``classes``."""
        return cls((label,) if isinstance(label, str) else tuple(label), tuple(classes))

    @property
    def name(self) -> str:
        """The labels as people read them."""
        return " and ".join(self.labels)

    @property
    def width(self) -> int:
        """The network's outputs for a row; with two classes, the second's probability."""
        if self.classes:
            return len(self.classes) if len(self.classes) > 2 else 1
        return len(self.labels)

    @property
    def activation(self) -> str:
        """The activation of the network's last layer."""
        return ("softmax" if self.width > 1 else "sigmoid") if self.classes else "linear"

    @property
    def constant_name(self) -> str:
        """What predicts the same for every row; see ``contracts.constant_prediction``."""
        return "majority class" if self.classes else "median"

    @property
    def number_outputs(self) -> tuple[str, ...]:
        """The outputs that are numbers: each class's probability, or each label's prediction."""
        if self.classes:
            return tuple(f"probability_{name}" for name in self.classes)
        if not self.separate_labels:
            return (PREDICTION,)
        return tuple(of_label(PREDICTION, label) for label in self.separate_labels)

    @property
    def separate_labels(self) -> tuple[str, ...]:
        """Labels with metrics of their own, beside those of all labels; empty for one label."""
        return self.labels if len(self.labels) > 1 else ()

    @property
    def builtin_metrics(self) -> tuple[str, ...]:
        """Metrics of every evaluation: the number of rows, and Σ prediction / Σ label by weight.

        There is no such ratio for several classes, or for labels of several units together.
        """
        if self.separate_labels:
            ratios = (of_label("calibration", label) for label in self.separate_labels)
            return ("example_count", *ratios)
        return ("example_count",) if self.width > 1 else ("example_count", "calibration")

    def metric_names(self, keys: Sequence[str]) -> list[str]:
        """All metrics of an evaluation: built-in ones, those of these keys, and label by label."""
        names = [of_label(key, label) for label in self.separate_labels for key in keys]
        return [*self.builtin_metrics, *keys, *names]


def of_label(name: str, label: str) -> str:
    """The name of an output or a metric of one label of several."""
    return f"{name}_{label}"
