"""How models are judged: metrics, slices and gate, as the config, the journal and TFX have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from huberflow.custom_objects.json_record import JSON, JsonRecord


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

    @property
    def gate_metric(self) -> str:
        """The metric that models are ranked by: the one that the gate names first."""
        return self.gate[0].metric
