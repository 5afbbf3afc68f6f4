"""Fits a model: the devices, the precision, and the end of training."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.contracts.model_config import TrainingConfig
from huberflow.components.training.best_weights import BestWeights
from huberflow.components.training.callbacks import Progress
from huberflow.components.training.cautious_loss import CautiousLoss
from huberflow.components.training.class_weight import ClassWeightedLoss
from huberflow.custom_objects import registry
from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue


def strategy(gpus: Sequence[tf.config.LogicalDevice]) -> tf.distribute.Strategy:
    """Mirrored over all GPUs where there are several, else TensorFlow's default."""
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def compile_model(
    model: tf_keras.Model,
    training: TrainingConfig,
    *,
    weighted: bool = False,
    class_weights: Sequence[float] = (),
    optimizer: tf_keras.optimizers.Optimizer | None = None,
    catalogue: Catalogue = BUILT_IN,
) -> None:
    """Compiles the model with its optimizer, loss and metrics.

    Args:
      model: not compiled yet, or to be compiled anew.
      training: names them.
      weighted: whether the metrics count each row by its weight, as the loss always does.
      class_weights: how much the rows of each class count in the loss; empty: the same.
      optimizer: one that goes on, in place of a new one.
      catalogue: has the objects that ``training`` names.
    """
    loss = registry.build_choice("loss", training.loss, catalogue)
    metrics = [registry.build_choice("metric", choice, catalogue) for choice in training.metrics]
    model.compile(
        optimizer=optimizer or registry.build_choice("optimizer", training.optimizer, catalogue),
        loss=ClassWeightedLoss(loss, class_weights) if class_weights else loss,
        **{"weighted_metrics" if weighted else "metrics": metrics},
    )


def fit(
    model: tf_keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    training: TrainingConfig,
    log_dir: Path,
    classes: int = 0,
) -> tf_keras.callbacks.History:
    """Trains until the epochs are used up or validation loss stops falling.

    Args:
      model: compiled.
      train: batches.
      validation: batches.
      training: the epochs and so on.
      log_dir: for ``epochs.csv``.
      classes: the number of classes; of few validation rows, their ``CautiousLoss`` decides.

    Raises:
      FloatingPointError: the loss is no longer finite.
    """
    if training.steps_per_epoch is not None:
        train = train.repeat()
    patience = training.early_stopping_patience
    cautious = CautiousLoss(validation, classes) if classes else None
    judge = cautious if cautious and cautious.is_needed else None
    history = model.fit(
        train,
        validation_data=validation,
        epochs=training.epochs,
        steps_per_epoch=training.steps_per_epoch,
        verbose=0,
        callbacks=[
            BestWeights(training.epochs if patience is None else patience, judge),
            tf_keras.callbacks.TerminateOnNaN(),
            Progress(log_dir),
        ],
    )
    # The effect of the last step is visible in the validation loss only.
    losses = [*history.history["loss"], *history.history.get("val_loss", [])]
    if not np.isfinite(losses).all():
        raise FloatingPointError(
            f"training diverged: the loss of epoch {len(history.epoch)} is not finite; "
            f"lower it: --set training.optimizer.config.{_rate_key(training)}=0.0001"
        )
    return history


def _rate_key(training: TrainingConfig) -> str:
    """The argument of the optimizer that sets the learning rate, or starts its schedule."""
    schedule = training.optimizer.config.get("learning_rate")
    arguments = schedule.get("config") if isinstance(schedule, Mapping) else None
    starts = isinstance(arguments, Mapping) and "initial_learning_rate" in arguments
    return "learning_rate" + (".config.initial_learning_rate" if starts else "")


@contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """float16 arithmetic with float32 variables while the model is built and trained."""
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("mixed_float16" if mixed else "float32")
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)
