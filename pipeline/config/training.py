"""Section ``training``: loss, optimizer, epochs and so on."""

from pydantic import Field, PositiveInt

from huberflow.pipeline.config.base import Strict
from huberflow.pipeline.config.choices import Choice, Loss, Metric, Optimizer


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
    mixed_precision: bool = Field(
        False, description="Compute in float16 with float32 weights; faster on a GPU."
    )
