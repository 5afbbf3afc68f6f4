"""The progress of training, which the Trainer logs after each epoch."""

from collections.abc import Mapping
from dataclasses import dataclass


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
