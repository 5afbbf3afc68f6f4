"""Early stopping that judges and keeps the weights that will be served."""

from collections.abc import Callable, Mapping

import numpy as np
import tf_keras

from huberflow.components.bundle import optimizer_state
from huberflow.components.contracts.epoch_progress import CAUTIOUS_LOSS


class BestWeights(tf_keras.callbacks.EarlyStopping):
    """Keras's ``EarlyStopping``; it leaves the weights of the best epoch in the model.

    Where the optimizer averages the weights (``use_ema``), these averages are validated, and those
    of the best epoch are left in the model. Keras would validate the weights of the last step, and
    would put these in place of the averages when training ends.

    Args:
      patience: epochs without a better validation loss before training stops.
      judge: gives what is compared in place of the validation loss; it joins the logs.
    """

    def __init__(
        self, patience: int, judge: Callable[[tf_keras.Model], float] | None = None
    ) -> None:
        monitor = "val_loss" if judge is None else CAUTIOUS_LOSS
        super().__init__(monitor, patience=patience, restore_best_weights=True)
        self._judge = judge
        self._trained: list[np.ndarray] = []  # the weights to train on with, during validation

    def on_test_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Puts the averages into the model, for validation."""
        super().on_test_begin(logs)
        if self._averages():
            self._trained = [weight.numpy() for weight in self.model.trainable_variables]
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keeps the weights of a better epoch; training goes on from those of the last step."""
        if self._judge is not None and logs is not None:
            logs[CAUTIOUS_LOSS] = self._judge(self.model)
        super().on_epoch_end(epoch, logs)
        if self._averages():
            for weight, value in zip(self.model.trainable_variables, self._trained, strict=True):
                weight.assign(value)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Restores the best weights; the averages go on from there."""
        super().on_train_end(logs)
        if self._averages():
            averages = optimizer_state.averages(self.model)
            for average, weight in zip(averages, self.model.trainable_variables, strict=True):
                average.assign(weight)

    def _averages(self) -> bool:
        return bool(getattr(self.model.optimizer, "use_ema", False))
