"""The Evaluator's report: metrics by slice, and why a model was not blessed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from huberflow.custom_objects.json_record import JsonRecord

CANDIDATE, BASELINE = "candidate", "baseline"
"""The two models of an evaluation: the one to judge, and the last blessed one."""


@dataclass(frozen=True)
class SliceMetrics(JsonRecord):
    """The metrics of both models over the rows of one slice; NaN where one is undefined there."""

    slice: Mapping[str, str | int | float]
    """The value of each column of the slice; empty for all rows."""
    candidate: Mapping[str, float]
    baseline: Mapping[str, float] | None = None
    """None where there is no baseline."""
    constant: Mapping[str, float] | None = None
    """Of the constant prediction; None where it was not measured."""

    @property
    def name(self) -> str:
        """The slice as people read it."""
        return slice_name(self.slice)

    @property
    def example_count(self) -> int | None:
        """The number of rows; None where the Evaluator has not counted them."""
        count = self.candidate.get("example_count", math.nan)
        return round(count) if math.isfinite(count) else None

    def values(self, metric: str) -> tuple[float | None, float | None]:
        """The candidate's and the baseline's value; None where there is none."""
        return self.candidate.get(metric), (self.baseline or {}).get(metric)

    def of_constant(self, metric: str) -> float | None:
        """The value of the constant prediction; None where there is none."""
        return (self.constant or {}).get(metric)


@dataclass(frozen=True)
class EvaluationReport(JsonRecord):
    """The result of one evaluation; ``report.json`` has the same fields."""

    metrics: tuple[str, ...]
    """Keys in order; with several labels, those of all labels, then ``<key>_<label>``."""
    blessed: bool
    reasons: tuple[str, ...]
    """A sentence for each bound that is not met; none where the model is blessed."""
    slices: tuple[SliceMetrics, ...]
    """All rows and every slice."""
    baseline_dropped: str | None = None
    """Why the last blessed model could not be compared with this one."""
    constant: str | None = None
    """What the constant prediction is, ``median`` or ``majority class``."""

    @property
    def overall(self) -> SliceMetrics:
        """The metrics over all rows."""
        return next(row for row in self.slices if not row.slice)


def slice_name(key: Mapping[str, str | int | float]) -> str:
    """``all rows``, or ``payment_type=Cash, trip_start_hour=7``."""
    return ", ".join(f"{column}={value}" for column, value in key.items()) or "all rows"
