"""The progress of training, which the Trainer logs after each epoch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

CAUTIOUS_LOSS = "val_cautious_loss"
"""What early stopping compares where it is not the validation loss itself."""


@dataclass(frozen=True)
class EpochProgress:
    """One epoch of training."""

    epoch: int
    """From 1."""
    epochs: int
    """The largest number of epochs."""
    time: float
    """The end of the epoch, in seconds since 1970."""
    values: Mapping[str, float]
    """Loss, metrics, learning rate and speed."""

    @property
    def compared(self) -> float:
        """What early stopping compares with other epochs; infinity without validation rows."""
        return self.values.get(CAUTIOUS_LOSS, self.values.get("val_loss", math.inf))
