"""The ExampleValidator's findings: anomalies, drift and skew."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from huberflow.custom_objects.json_record import JsonRecord

STATISTICS_ID, ACCEPTED = "statistics_id", "accepted"
"""Custom properties of the anomalies artifact: the id of the validated statistics, and whether the
run may go on with their data."""

ALL_COLUMNS = "all columns"

ShiftKind = Literal["drift", "skew"]

_MEASURES: Mapping[str, str] = {
    "infinity_norm": "L-infinity",
    "jensen_shannon_divergence": "Jensen-Shannon",
    "normalized_abs_difference": "absolute difference",
}


@dataclass(frozen=True)
class Anomaly(JsonRecord):
    """A column, or the whole data, that does not fit the schema."""

    column: str | None
    """None: the whole data."""
    text: str
    """What was expected and what was received."""
    splits: tuple[str, ...]

    @property
    def column_name(self) -> str:
        """The column as people read it."""
        return self.column or ALL_COLUMNS

    @property
    def line(self) -> str:
        """``company: expected …, received …, in train and eval``."""
        return f"{self.column_name}: {self.text}, in {' and '.join(self.splits)}"


@dataclass(frozen=True)
class Shift(JsonRecord):
    """How far the distribution of a column is from the one that it is compared with."""

    kind: ShiftKind
    """Drift compares the train rows with those of earlier data, skew with the eval rows."""
    column: str
    measure: str
    """A field of TFDV's comparators, such as ``infinity_norm``."""
    value: float
    threshold: float
    largest: str | None = None
    """The value whose share differs most."""
    may_be_chance: bool = False
    """Whether samples of so few rows differ as much without a shift."""

    @property
    def line(self) -> str:
        """``company: L-infinity 0.31 above 0.1 (largest change: "Flash Cab")``."""
        measured = f"{_MEASURES[self.measure]} {self.value:.2g} above {self.threshold:g}"
        largest = f' (largest change: "{self.largest}")' if self.largest else ""
        return f"{self.column}: {measured}{largest}"


@dataclass(frozen=True)
class ValidationFindings(JsonRecord):
    """All anomalies and measured shifts; ``findings.json`` has the same fields."""

    anomalies: tuple[Anomaly, ...] = ()
    shifts: tuple[Shift, ...] = ()

    def above_threshold(self, kind: ShiftKind) -> list[Shift]:
        """The shifts of a kind above their threshold and beyond chance, the largest first."""
        above = [each for each in self.shifts if each.kind == kind and each.value > each.threshold]
        certain = [each for each in above if not each.may_be_chance]
        return sorted(certain, key=lambda shift: -shift.value)
