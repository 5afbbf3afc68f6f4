"""How models are judged: metrics, slices and gate, as the config, the journal and TFX have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from huberflow.components.contracts.target import of_label
from huberflow.custom_objects.json_record import JSON, JsonRecord

Direction = Literal["lower", "higher", "one"]
"""Better values are lower, higher, or nearer to one."""

_HIGHER_IS_BETTER = (
    *("accuracy", "auc", "precision", "recall", "f1score", "r2score", "cosinesimilarity"),
)
"""Ends of the names of metrics, of functions as balanced_accuracy; others are errors and losses."""

TFMA_ROWS = "__raw_record__"
"""Where TFMA keeps the rows as they are stored; it cannot read a column of this name."""


@dataclass(frozen=True, kw_only=True)
class MetricConfig(JsonRecord):
    """A metric class by name, its arguments, and its key in every report."""

    name: str
    key: str
    config: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GateBound(JsonRecord):
    """One condition that a model must meet to be blessed."""

    metric: str
    """Key of a metric, or ``<key>_<label>``."""
    slice: Mapping[str, str | int] | None = None
    """None: all rows."""
    lower_bound: float | None = None
    upper_bound: float | None = None
    max_increase: float | None = None
    """At most this share above the baseline."""
    max_decrease: float | None = None
    """At most this share below the baseline."""

    @property
    def only_compares(self) -> bool:
        """Whether a model without a baseline meets it."""
        return self.lower_bound is None and self.upper_bound is None


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig(JsonRecord):
    """The section ``evaluation`` of the config."""

    metrics: tuple[MetricConfig, ...]
    slices: tuple[tuple[str, ...], ...] = ()
    """The columns of each group of slices."""
    gate: tuple[GateBound, ...]
    must_beat_constant: bool = True
    """Whether a model is blessed only where ``gate_metric`` is better than a constant's."""

    @property
    def gate_metric(self) -> str:
        """The metric that models are ranked by: the one that the gate names first."""
        return self.gate[0].metric

    def metric_config(self, metric: str) -> MetricConfig | None:
        """The config of a report's metric, which may be the metric of one label of several."""
        metrics = sorted(self.metrics, key=lambda each: len(each.key), reverse=True)
        exact = (each for each in metrics if each.key == metric)
        of_one_label = (each for each in metrics if metric.startswith(of_label(each.key, "")))
        return next(exact, None) or next(of_one_label, None)

    def better_direction(self, metric: str) -> Direction | None:
        """The direction in which a report's metric is better; None for a number of rows.

        A gate that bounds its decrease decides; else the name of its class does.
        """
        config = self.metric_config(metric)
        if config is None:
            return "one" if metric.startswith("calibration") else None
        is_bounded_below = any(
            bound.metric == metric and bound.max_decrease is not None for bound in self.gate
        )
        words = config.name.replace("_", "").lower()
        is_higher = is_bounded_below or words.endswith(_HIGHER_IS_BETTER)
        return "higher" if is_higher else "lower"
