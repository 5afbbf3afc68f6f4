"""Fits a model: the devices, the precision, and the end of training."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.components.contracts.model_config import TrainingConfig
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue

PROGRESS = logging.getLogger("huberflow.training")
"""One record per epoch; its attribute ``progress`` is an ``EpochProgress``."""


def strategy(gpus: Sequence[tf.config.LogicalDevice]) -> tf.distribute.Strategy:
    """Mirrored over all GPUs where there are several, else TensorFlow's default."""
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def compile_model(
    model: tf_keras.Model,
    training: TrainingConfig,
    *,
    weighted: bool = False,
    catalogue: Catalogue = BUILT_IN,
) -> None:
    """Compiles the model with its optimizer, loss and metrics.

    Args:
      model: not compiled yet.
      training: names them.
      weighted: whether the metrics count each row by its weight, as the loss always does.
      catalogue: has the objects that ``training`` names.
    """
    metrics = [registry.build_choice("metric", choice, catalogue) for choice in training.metrics]
    model.compile(
        optimizer=registry.build_choice("optimizer", training.optimizer, catalogue),
        loss=registry.build_choice("loss", training.loss, catalogue),
        **{"weighted_metrics" if weighted else "metrics": metrics},
    )


def fit(
    model: tf_keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    training: TrainingConfig,
    log_dir: Path,
) -> tf_keras.callbacks.History:
    """Trains until the epochs are used up or validation loss stops falling.

    Raises:
      FloatingPointError: the loss is no longer finite.
    """
    if training.steps_per_epoch is not None:
        train = train.repeat()
    patience = training.early_stopping_patience
    history = model.fit(
        train,
        validation_data=validation,
        epochs=training.epochs,
        steps_per_epoch=training.steps_per_epoch,
        verbose=0,
        callbacks=[
            tf_keras.callbacks.EarlyStopping(
                patience=training.epochs if patience is None else patience,
                restore_best_weights=True,
            ),
            tf_keras.callbacks.TerminateOnNaN(),
            _Progress(training.epochs),
            tf_keras.callbacks.CSVLogger(str(log_dir / artifact_files.EPOCHS)),
        ],
    )
    # The effect of the last step is visible in the validation loss only.
    losses = [*history.history["loss"], *history.history.get("val_loss", [])]
    if not np.isfinite(losses).all():
        raise FloatingPointError(
            f"training diverged: the loss of epoch {len(history.epoch)} is not finite; "
            "lower it: --set training.optimizer.config.learning_rate=0.0001"
        )
    return history


@contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """float16 arithmetic with float32 variables while the model is built and trained."""
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("mixed_float16" if mixed else "float32")
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


class _Progress(tf_keras.callbacks.Callback):
    """Logs one record per epoch to ``PROGRESS``.

    It adds learning rate, speed and time to the logs that the callbacks after it receive.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._start, self._steps = time.perf_counter(), self._steps_taken()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None  # noqa: S101 (for the type checker: fit always passes them)
        seconds, ended = time.perf_counter() - self._start, time.time()
        logs |= {name: float(value) for name, value in logs.items()}
        rate = self.model.optimizer.learning_rate  # the current one, also under a schedule
        logs["learning_rate"] = float(tf_keras.backend.get_value(rate))
        logs["steps_per_second"] = (self._steps_taken() - self._steps) / seconds
        progress = EpochProgress(epoch + 1, self._epochs, ended, dict(logs))
        logs["time"] = ended
        line = f"epoch {progress.epoch}/{progress.epochs} {progress.values}"
        PROGRESS.info(line, extra={"progress": progress})

    def _steps_taken(self) -> int:
        return int(self.model.optimizer.iterations.numpy())
