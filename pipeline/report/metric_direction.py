"""Which values of a metric are better, and which metric runs are ranked by."""

from typing import Literal

from huberflow.components.contracts.evaluation_config import EvaluationConfig, MetricConfig
from huberflow.components.contracts.target import of_label
from huberflow.pipeline.history.run_history import Run

Direction = Literal["lower", "higher", "one"]
"""Better values are lower, higher, or nearer to one."""

_HIGHER_IS_BETTER = ("Accuracy", "AUC", "Precision", "Recall", "R2Score", "CosineSimilarity")
"""Ends of the names of metric classes; all others are errors and losses."""

_HIGHER_WORDS = {"accuracy", "auc", "precision", "recall", "f1", "r2", "ndcg"}
_LOWER_WORDS = {"error", "loss", "crossentropy", "huber", "mae", "mse", "rmse"}
"""Words in the keys of TFMA's metrics; of a key without them nothing is known."""


def ranking_metric(run: Run) -> str | None:
    """The metric that runs are ranked by: the gate's first, else the first in the report."""
    if run.config:
        return run.evaluation.gate_metric
    return next(iter(metric_keys(run)), None)


def metric_keys(run: Run) -> list[str]:
    """The metrics of a run, without the number of rows."""
    if run.config:
        return [metric.key for metric in run.evaluation.metrics]
    report = run.report()
    return [key for key in report.metrics if not key.endswith("example_count")] if report else []


def direction_in(run: Run, metric: str) -> Direction | None:
    """The direction in which a metric of a run is better; None where that is not known."""
    if run.config:
        return better_direction(run.evaluation, metric)
    words = set(metric.split("_"))
    if "calibration" in words:
        return "one"
    higher, lower = words & _HIGHER_WORDS, words & _LOWER_WORDS
    return None if bool(higher) == bool(lower) else "higher" if higher else "lower"


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
