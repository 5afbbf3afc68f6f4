"""Which values of a metric are better."""

from typing import Literal

from huberflow.components.contracts.evaluation_config import EvaluationConfig, MetricConfig
from huberflow.components.contracts.target import of_label

Direction = Literal["lower", "higher", "one"]
"""Better values are lower, higher, or nearer to one."""

_HIGHER_IS_BETTER = ("Accuracy", "AUC", "Precision", "Recall", "R2Score", "CosineSimilarity")
"""Ends of the names of metric classes; all others are errors and losses."""


def metric_config(evaluation: EvaluationConfig, metric: str) -> MetricConfig | None:
    """The config of a report's metric, which may be the metric of one label of several."""
    metrics = sorted(evaluation.metrics, key=lambda each: len(each.key), reverse=True)
    exact = (each for each in metrics if each.key == metric)
    of_one_label = (each for each in metrics if metric.startswith(of_label(each.key, "")))
    return next(exact, None) or next(of_one_label, None)


def better_direction(evaluation: EvaluationConfig, metric: str) -> Direction | None:
    """The direction in which a report's metric is better; None for a number of rows.

    A gate that bounds its decrease decides; else the name of its class does.
    """
    config = metric_config(evaluation, metric)
    if config is None:
        return "one" if metric.startswith("calibration") else None
    is_bounded_below = any(
        bound.metric == metric and bound.max_decrease is not None for bound in evaluation.gate
    )
    return "higher" if is_bounded_below or config.name.endswith(_HIGHER_IS_BETTER) else "lower"


def badness(direction: Direction | None, value: float) -> float:
    """A number that is lower for a better value."""
    if direction == "one":
        return abs(value - 1)
    return -value if direction == "higher" else value
