"""Which values of a metric are better, and which metric runs are ranked by."""

from huberflow.components.contracts.evaluation_config import Direction
from huberflow.pipeline.history.run_history import Run

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
        return run.evaluation.better_direction(metric)
    words = set(metric.split("_"))
    if "calibration" in words:
        return "one"
    higher, lower = words & _HIGHER_WORDS, words & _LOWER_WORDS
    return None if bool(higher) == bool(lower) else "higher" if higher else "lower"


def badness(direction: Direction | None, value: float) -> float:
    """A number that is lower for a better value."""
    if direction == "one":
        return abs(value - 1)
    return -value if direction == "higher" else value
