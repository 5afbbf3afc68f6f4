"""Trains the model and exports it: what TFX's Trainer calls."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras

from components import serving
from components.model import build_model
from custom_objects import registry

PROGRESS = logging.getLogger("huberflow.training")
"""One record per epoch; its ``progress`` attribute holds epoch, epochs, seconds and values."""


def run_fn(fn_args: Any) -> None:
    """Trains with early stopping, keeps the best weights, writes a SavedModel.

    Args:
      fn_args: TFX's ``FnArgs``; its ``custom_config`` holds ``seed``, ``label``, ``features``,
        ``model`` and ``training``, all plain JSON.
    """
    config = fn_args.custom_config
    tf_keras.utils.set_random_seed(config["seed"])
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    train = dataset(fn_args.train_files, transform, config, shuffle=True)
    validation = dataset(fn_args.eval_files, transform, config, shuffle=False)
    with _precision(config["training"]["mixed_precision"]):
        with strategy(tf.config.list_logical_devices("GPU")).scope():
            model = build_model(
                config["model"],
                config["features"],
                {c: transform.vocabulary_size_by_name(c) + 1 for c in _categorical(config)},
                output_bias=_median_label(fn_args.train_files, transform, config),
            )
            compile_model(model, config["training"])
        Path(fn_args.model_run_dir).mkdir(parents=True, exist_ok=True)
        fit(model, train, validation, config["training"], fn_args.model_run_dir)
    export(model, transform, config, fn_args.serving_model_dir)


def dataset(
    patterns: list[str],
    transform: tft.TFTransformOutput,
    config: Mapping[str, Any],
    *,
    shuffle: bool,
) -> tf.data.Dataset:
    """Batches of (transformed features, label) from gzipped TFRecords, in a repeatable order."""
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    if shuffle:
        records = records.shuffle(config["training"]["shuffle_buffer"], seed=config["seed"])
    spec = transform.transformed_feature_spec()

    def parse(batch: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        features = tf.io.parse_example(batch, spec)
        return features, features.pop(config["label"])

    return records.batch(config["training"]["batch_size"]).map(parse).prefetch(tf.data.AUTOTUNE)


def strategy(gpus: list[Any]) -> tf.distribute.Strategy:
    """Mirrored over all GPUs where there are several, else TensorFlow's default."""
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def compile_model(model: tf_keras.Model, training: Mapping[str, Any]) -> None:
    """Attaches optimizer, loss and metrics, each as its config names it."""
    model.compile(
        optimizer=registry.build_choice("optimizer", training["optimizer"]),
        loss=registry.build_choice("loss", training["loss"]),
        metrics=[registry.build_choice("metric", choice) for choice in training["metrics"]],
    )


def fit(
    model: tf_keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    training: Mapping[str, Any],
    log_dir: str,
) -> tf_keras.callbacks.History:
    """Trains until the epochs are used up or validation loss stops falling.

    Raises:
      FloatingPointError: the loss is no longer finite.
    """
    if training["steps_per_epoch"] is not None:
        train = train.repeat()
    patience = training["early_stopping_patience"]
    history = model.fit(
        train,
        validation_data=validation,
        epochs=training["epochs"],
        steps_per_epoch=training["steps_per_epoch"],
        verbose=0,
        callbacks=[
            tf_keras.callbacks.EarlyStopping(
                patience=training["epochs"] if patience is None else patience,
                restore_best_weights=True,
            ),
            tf_keras.callbacks.TerminateOnNaN(),
            tf_keras.callbacks.CSVLogger(str(Path(log_dir) / "epochs.csv")),
            _Progress(training["epochs"]),
        ],
    )
    if not np.isfinite(history.history["loss"]).all():
        raise FloatingPointError(
            f"training diverged: the loss of epoch {len(history.epoch)} is not finite; "
            "lower it: --set training.optimizer.config.learning_rate=0.0001"
        )
    return history


def export(
    model: tf_keras.Model,
    transform: tft.TFTransformOutput,
    config: Mapping[str, Any],
    path: str,
) -> None:
    """Writes a SavedModel with the signatures of ``components.serving``."""
    model.transform = transform.transform_features_layer()
    raw_spec = {
        name: spec
        for name, spec in transform.raw_feature_spec().items()
        if name in _raw_columns(config)
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    model.save(path, save_format="tf", signatures=serving.signatures(model, raw_spec))


def _raw_columns(config: Mapping[str, Any]) -> set[str]:
    features = config["features"]
    return {*features["numeric"], *features["categorical"], *features["cyclic"]}


def _categorical(config: Mapping[str, Any]) -> list[str]:
    return list(config["features"]["categorical"])


def _median_label(
    patterns: list[str], transform: tft.TFTransformOutput, config: Mapping[str, Any]
) -> float:
    """Median of the first labels: a constant prediction that Huber and absolute error like."""
    labels = dataset(patterns, transform, config, shuffle=False).map(lambda _, label: label)
    return float(np.median(np.concatenate(list(labels.take(16).as_numpy_iterator()))))


@contextmanager
def _precision(mixed: bool) -> Iterator[None]:
    """float16 arithmetic with float32 variables while the model is built and trained."""
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("mixed_float16" if mixed else "float32")
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


class _Progress(tf_keras.callbacks.Callback):
    """Tells whoever listens to ``PROGRESS`` how an epoch went."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        progress = {
            "epoch": epoch + 1,
            "epochs": self._epochs,
            "seconds": time.perf_counter() - self._start,
            "values": values,
        }
        PROGRESS.info(
            "epoch %d/%d %s", epoch + 1, self._epochs, values, extra={"progress": progress}
        )
