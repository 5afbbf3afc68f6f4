"""The probability from which on a binary model answers its second class."""

from dataclasses import dataclass
from typing import Literal

from huberflow.custom_objects.json_record import JsonRecord

Aim = Literal["f1", "balanced_accuracy", "precision", "recall"]
"""What a threshold is chosen for; the second class is the one that is looked for."""

BOUNDED: tuple[Aim, ...] = ("precision", "recall")
"""Aims that are reached or not: among the thresholds that reach it, the one with the best other."""


@dataclass(frozen=True, kw_only=True)
class ThresholdAim(JsonRecord):
    """What the threshold is for."""

    aim: Aim
    at_least: float | None = None
    """The least value of an aim in ``BOUNDED``; None for the others."""


@dataclass(frozen=True, kw_only=True)
class Threshold(JsonRecord):
    """The threshold, and what it reaches on the rows that it was chosen on.

    ``threshold.json`` and the certificate's ``training.threshold`` have the same fields.
    """

    value: float
    """A row is of ``class_name`` where its probability is this or more."""
    class_name: str
    aim: Aim
    at_least: float | None
    rows: int
    """Validation rows."""
    precision: float
    recall: float
    f1: float
    balanced_accuracy: float

    @property
    def line(self) -> str:
        """The threshold in words."""
        aim = self.aim.replace("f1", "F1").replace("_", " ")
        least = "the best" if self.at_least is None else f"at least {self.at_least:g}"
        return (
            f"{self.class_name} from a probability of {self.value:.4g} on, chosen for {least} "
            f"{aim} on {self.rows:,} validation rows: precision {self.precision:.4g}, recall "
            f"{self.recall:.4g}, F1 {self.f1:.4g}, balanced accuracy {self.balanced_accuracy:.4g}"
        )
