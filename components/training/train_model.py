"""Builds the model and trains it on transformed rows."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import tensorflow as tf
import tf_keras

from huberflow.components.contracts.model_config import TrainerConfig
from huberflow.components.training import fitting
from huberflow.components.training.label_scale import label_scale
from huberflow.components.training.model import PLAIN, LabelScale, build_model
from huberflow.components.training.rows import shuffled
from huberflow.custom_objects import user_objects
from huberflow.custom_objects.catalogue import BUILT_IN, Catalogue


def train_model(
    config: TrainerConfig,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    *,
    table_rows: int,
    log_dir: Path,
    class_weights: Sequence[float] = (),
    catalogue: Catalogue = BUILT_IN,
) -> tf_keras.Model:
    """The model with the weights of its best epoch.

    Args:
      config: the model, its training, and the columns that it reads.
      train: blocks, see ``huberflow.components.training.rows``.
      validation: the same, for early stopping.
      table_rows: rows of the embedding table; 0 without embedded columns.
      log_dir: for ``epochs.csv``.
      class_weights: how much the rows of each class count in the loss; empty: the same.
      catalogue: has the objects that the config names.

    Raises:
      InputError: a label does not fit ``model.label_scale``.
      FloatingPointError: the loss is no longer finite.
    """
    training, strategy = config.training, fitting.strategy(tf.config.list_logical_devices("GPU"))
    with strategy.scope():
        scale = PLAIN if config.classes else label_scale(train, config.model.label_scale)
        model = _model(config, table_rows, scale, catalogue)
        compile_anew = partial(
            fitting.compile_model,
            model,
            training,
            weighted=config.weight is not None,
            catalogue=catalogue,
        )
        compile_anew(class_weights=class_weights)
    fitting.fit(
        model,
        shuffled(train, config.seed).rebatch(training.batch_size).prefetch(tf.data.AUTOTUNE),
        validation.rebatch(training.batch_size).prefetch(tf.data.AUTOTUNE),
        training,
        log_dir,
        len(config.classes),
    )
    if class_weights:  # they are no part of the model, and the loss that is exported has none
        with strategy.scope():
            compile_anew(optimizer=model.optimizer)
    return model


def _model(
    config: TrainerConfig, table_rows: int, scale: LabelScale, catalogue: Catalogue
) -> tf_keras.Model:
    return build_model(
        config.model,
        numbers=config.features.numbers,
        categories=len(config.features.embedded),
        table_rows=table_rows,
        outputs=config.target.width,
        activation=config.target.activation,
        label_scale=scale,
        build=user_objects.network_builder(config.objects),
        catalogue=catalogue,
    )
