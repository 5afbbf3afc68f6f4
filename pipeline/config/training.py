"""Section ``training``: how the model is fitted."""

from pydantic import Field, PositiveInt

from huberflow.pipeline.config.base import Strict
from huberflow.pipeline.config.choices import Choice, Loss, Metric, Optimizer


class Training(Strict):
    """How the model is fitted."""

    loss: Loss = Field(
        Choice(name="HuberLoss", config={"threshold": 1.0}),
        description="What is minimised, in units of the label.",
    )
    metrics: tuple[Metric, ...] = Field(
        (
            Choice(name="HuberMetric", config={"threshold": 1.0}),
            Choice(name="MeanAbsoluteError"),
        ),
        description="Logged per epoch, on train and validation rows.",
    )
    optimizer: Optimizer = Field(
        Choice(name="Adam", config={"learning_rate": 0.003}), description="How steps are taken."
    )
    epochs: PositiveInt = Field(20, description="At most this many; early stopping may end sooner.")
    steps_per_epoch: PositiveInt | None = Field(
        None, description="Batches in an epoch; null: all rows once."
    )
    batch_size: PositiveInt = Field(256, description="Rows per step, over all replicas.")
    early_stopping_patience: PositiveInt | None = Field(
        5, description="Epochs without a better validation loss before it stops; null: never."
    )
    mixed_precision: bool = Field(
        False, description="float16 arithmetic with float32 weights; pays on a GPU."
    )
