"""Section ``model``: the network."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from huberflow.custom_objects import catalogue
from huberflow.pipeline.config.base import Strict
from huberflow.pipeline.config.choices import (
    Activation,
    Choice,
    Constraint,
    Initializer,
    Layer,
    Regularizer,
)


class Model(Strict):
    """The network; every object by name, ours or tf_keras's."""

    task: catalogue.Task = Field(
        "regression",
        description="regression, numbers; binary, one of two classes; multiclass, one of several.",
    )
    hidden_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (64, 32), description="Width of each dense layer."
    )
    embedding_dimension: PositiveInt = Field(4, description="Width of each category's embedding.")
    activation: Activation = Field(Choice(name="relu"), description="Of the dense layers.")
    initializer: Initializer = Field(
        Choice(name="GlorotNormalInitializer"), description="Of the dense layers' weights."
    )
    regularizer: Regularizer | None = Field(
        Choice(name="L1Regularizer", config={"factor": 1e-5}),
        description="Of the dense layers' weights, or null.",
    )
    constraint: Constraint | None = Field(
        None, description="Of the dense layers' weights, such as {name: PositiveWeights}, or null."
    )
    activity_regularization: Layer | None = Field(
        Choice(name="ActivityRegularizationLayer", config={"rate": 1e-6}),
        description="Pass-through layer after the last dense one that adds to the loss, or null.",
    )
    label_scale: Literal["none", "standard", "log"] = Field(
        "none",
        description="In what the network thinks: standard, deviations from the median; log, the "
        "same of log(1 + label). Loss, metrics and predictions are in label units.",
    )
    metric_logging: bool = Field(
        True, description="Log the last dense layer's deviation as std_of_activation."
    )
    build: str | None = Field(
        None,
        description="A function of your own that builds the network in place of ours, such as "
        "my_model.py:build_model, or null.",
    )
