"""Which values of a metric are better."""

from collections.abc import Mapping
from typing import Any, Literal

from huberflow.components.contracts.target import of_label

Goal = Literal["lower", "higher", "one"]

_HIGHER_IS_BETTER = ("Accuracy", "AUC", "Precision", "Recall", "R2Score", "CosineSimilarity")
"""Ends of the names of metric classes; of all others, errors and losses, less is better."""


def definition(evaluation: Mapping[str, Any], metric: str) -> Mapping[str, Any] | None:
    """What the config says of a report's metric, which may be that of one label of several."""
    metrics = sorted(evaluation["metrics"], key=lambda each: len(each["key"]), reverse=True)
    exact = (each for each in metrics if each["key"] == metric)
    of_one = (each for each in metrics if metric.startswith(of_label(each["key"], "")))
    return next(exact, None) or next(of_one, None)


def goal(evaluation: Mapping[str, Any], metric: str) -> Goal | None:
    """Of a report's metric, with its evaluation as plain JSON; none where no value is better.

    A gate that bounds its decrease says so; else its name does.
    """
    known = definition(evaluation, metric)
    if known is None:
        return "one" if metric.startswith("calibration") else None
    falls = any(b["metric"] == metric and b["max_decrease"] is not None for b in evaluation["gate"])
    return "higher" if falls or known["name"].endswith(_HIGHER_IS_BETTER) else "lower"


def cost(goal: Goal | None, value: float) -> float:
    """The lower, the better."""
    if goal == "one":
        return abs(value - 1)
    return -value if goal == "higher" else value
