"""Section ``model``: the network."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from huberflow.components.contracts.threshold import BOUNDED, Aim
from huberflow.custom_objects.catalogue import Task
from huberflow.pipeline.config.base import Strict, refuse_if
from huberflow.pipeline.config.choices import (
    Activation,
    Choice,
    Constraint,
    Initializer,
    Layer,
    Regularizer,
)


class Threshold(Strict):
    """What the threshold of a binary model is for."""

    aim: Aim = Field(
        description="f1, balanced_accuracy: the largest value; precision, recall: at_least this, "
        "and of the other as much as possible."
    )
    at_least: float | None = Field(
        None, gt=0, le=1, description="Least precision or recall; null for other aims."
    )

    @model_validator(mode="after")
    def _check_bound(self) -> "Threshold":
        needed = self.aim in BOUNDED
        expected = f"{'a share' if needed else 'null'} for aim {self.aim}"
        wrong = needed != (self.at_least is not None)
        received = "none" if self.at_least is None else f"{self.at_least:g}"
        write = f"--set 'model.threshold={{aim: {self.aim}{', at_least: 0.9' * needed}}}'"
        refuse_if(wrong, "at_least", expected, received, write)
        return self


class Model(Strict):
    """The network; objects by name: huberflow's, tf_keras's or custom ones."""

    task: Task = Field(
        "regression",
        description="regression: numbers; binary: one of two classes; multiclass: one of three or "
        "more classes.",
    )
    hidden_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (64, 32), description="Width of each dense layer."
    )
    embedding_dimension: PositiveInt = Field(
        4, description="Width of the embedding of each categorical column."
    )
    activation: Activation = Field(
        Choice(name="relu"), description="Activation of the dense layers."
    )
    initializer: Initializer = Field(
        Choice(name="GlorotNormalInitializer"),
        description="Initializer of the dense layers' weights.",
    )
    regularizer: Regularizer | None = Field(
        Choice(name="L1Regularizer", config={"factor": 1e-5}),
        description="Regularizer of the dense layers' weights, or null.",
    )
    constraint: Constraint | None = Field(
        None,
        description="Constraint of the dense layers' weights, such as {name: PositiveWeights}, "
        "or null.",
    )
    activity_regularization: Layer | None = Field(
        Choice(name="ActivityRegularizationLayer", config={"rate": 1e-6}),
        description="Layer after the last dense layer that leaves the activations unchanged and "
        "adds a penalty to the loss, or null.",
    )
    label_scale: Literal["none", "standard", "log"] = Field(
        "none",
        description="How the label is scaled inside the network: none; standard = (label - "
        "median) / spread; log = the same for log(1 + label). Loss, metrics and predictions "
        "are always in label units.",
    )
    threshold: Threshold | None = Field(
        None,
        description="What the second of two classes is answered for, chosen on validation rows, "
        "such as {aim: f1} or {aim: recall, at_least: 0.9}; null: from a probability of 0.5 on.",
    )
    metric_logging: bool = Field(
        True, description="Log the standard deviation of the last dense layer as std_of_activation."
    )
    build: str | None = Field(
        None,
        description="User-defined function that builds the network in place of huberflow's, "
        "such as my_model.py:build_model, or null.",
    )
