"""Keras callbacks: a bundle of the best model, and the progress of training."""

from huberflow.components.training.callbacks import Progress, SaveBundle

__all__ = ["Progress", "SaveBundle"]
