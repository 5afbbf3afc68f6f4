"""Section ``evaluation``: metrics, slices and the gate."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from huberflow.pipeline.config.base import Strict, refuse_if
from huberflow.pipeline.config.choices import Choice, of_kind
from huberflow.pipeline.config.yaml_text import flow


class EvaluationMetric(Choice):
    """A metric: its name, its arguments, and its key in results."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _text_or_whole(value: object) -> object:
    """Refuses other types with one message; pydantic has one for each type of a union."""
    wrong = isinstance(value, bool) or not isinstance(value, str | int)
    refuse_if(wrong, "", "text or a whole number", flow(value))
    return value


class Bound(Strict):
    """One condition that a model must meet to be blessed."""

    metric: str = Field(description="Key of a metric.")
    slice: dict[str, Annotated[str | int, BeforeValidator(_text_or_whole)]] | None = Field(
        None,
        description="Rows that the condition applies to, such as {payment_type: Cash}; null: all.",
    )
    lower_bound: float | None = Field(None, description="Smallest value allowed.")
    upper_bound: float | None = Field(None, description="Largest value allowed.")
    max_increase: float | None = Field(
        None,
        description="Largest increase allowed, relative to the last blessed model: 0.1 = at most "
        "10 % higher.",
    )
    max_decrease: float | None = Field(
        None,
        description="Largest decrease allowed, where more is better, such as for an accuracy: "
        "0.1 = at most 10 % lower.",
    )

    @model_validator(mode="after")
    def _check_has_bound(self) -> "Bound":
        names = ("lower_bound", "upper_bound", "max_increase", "max_decrease")
        given = [name for name in names if getattr(self, name) is not None]
        expected = "lower_bound, upper_bound, max_increase or max_decrease"
        refuse_if(not given, "", expected, "none")
        refuse_if({*names[2:]} <= {*given}, "", "max_increase or max_decrease", "both")
        return self


class Evaluation(Strict):
    """How a model is evaluated; the same for every model, so that runs can be compared."""

    metrics: tuple[Annotated[EvaluationMetric, of_kind("metric")], ...] = Field(
        (
            EvaluationMetric(name="HuberMetric", config={"threshold": 1.0}, key="huber"),
            EvaluationMetric(name="MeanAbsoluteError", key="mae"),
            EvaluationMetric(name="RootMeanSquaredError", key="rmse"),
            EvaluationMetric(
                name="AbsoluteErrorQuantile", config={"quantile": 0.5}, key="median_error"
            ),
            EvaluationMetric(
                name="AbsoluteErrorQuantile", config={"quantile": 0.95}, key="tail_error"
            ),
        ),
        description="Metrics of the eval rows, in addition to example_count and calibration "
        "(sum of predictions / sum of labels).",
    )
    slices: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = Field(
        (("payment_type",), ("trip_start_hour",)),
        description="Metrics are also computed for each value of these columns, or for each "
        "combination of their values.",
    )
    gate: Annotated[tuple[Bound, ...], Field(min_length=1)] = Field(
        (Bound(metric="huber", upper_bound=3.0, max_increase=0.1),),
        description="Conditions that a model must meet to be blessed and pushed.",
    )
    must_beat_constant: bool = Field(
        True,
        description="Bless a model only if the gate's first metric, over all rows, is better than "
        "that of a constant prediction: the median label, or the shares of the classes, of the "
        "train rows.",
    )

    @model_validator(mode="after")
    def _check_keys_and_slices(self) -> "Evaluation":
        keys = [metric.key for metric in self.metrics]
        refuse_if(len(set(keys)) < len(keys), "metrics", "each key once", ", ".join(keys))
        slices = " or ".join(", ".join(columns) for columns in self.slices)
        for place, bound in enumerate(self.gate):
            unknown = bound.slice and set(bound.slice) not in map(set, self.slices)
            expected = f"values of one of the slices ({slices})"
            refuse_if(unknown, f"gate.{place}.slice", expected, ", ".join(bound.slice or ()))
        return self
