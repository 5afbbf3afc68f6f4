"""Section ``training``: loss, optimizer, epochs and so on."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from huberflow.pipeline.config.base import Strict, refuse_if
from huberflow.pipeline.config.choices import Choice, Loss, Metric, Optimizer
from huberflow.pipeline.config.yaml_text import flow


def _balanced_or_table(value: object) -> object:
    """Refuses all else with one message; pydantic has one for each type of a union."""
    is_table = isinstance(value, Mapping) and all(map(_is_positive, value.values()))
    wrong = not (value is None or value == "balanced" or is_table)
    expected = "balanced, or a number > 0 for each class, such as {fraud: 20}"
    refuse_if(wrong, "", expected, flow(value), "--set training.class_weight=balanced")
    return value


def _is_positive(weight: object) -> bool:
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    return is_number and 0 < weight < math.inf  # type: ignore[operator]


class Training(Strict):
    """How the model is trained."""

    loss: Loss = Field(
        Choice(name="HuberLoss", config={"threshold": 1.0}),
        description="Loss to minimise, in units of the label.",
    )
    metrics: tuple[Metric, ...] = Field(
        (Choice(name="HuberMetric", config={"threshold": 1.0}), Choice(name="MeanAbsoluteError")),
        description="Metrics logged after each epoch, for train and validation rows.",
    )
    optimizer: Optimizer = Field(
        Choice(name="Adam", config={"learning_rate": 0.003}),
        description="Optimizer of tf_keras or your own; its learning_rate may be a schedule.",
    )
    epochs: PositiveInt = Field(
        20, description="Largest number of epochs; early stopping may end training sooner."
    )
    steps_per_epoch: PositiveInt | None = Field(
        None, description="Batches per epoch; null: one pass over the data."
    )
    batch_size: PositiveInt = Field(256, description="Rows per step, over all replicas.")
    early_stopping_patience: PositiveInt | None = Field(
        5,
        description="Epochs without a better validation loss before training stops; null: no "
        "early stopping.",
    )
    class_weight: Annotated[
        Literal["balanced"] | dict[str, float] | None, BeforeValidator(_balanced_or_table)
    ] = Field(
        None,
        description="Weight of each class in the loss, and in nothing else: balanced (each class "
        "counts the same in all), or a table such as {fraud: 20} (others: 1); null: none.",
    )
    mixed_precision: bool = Field(
        False, description="Compute in float16 with float32 weights; faster on a GPU."
    )
