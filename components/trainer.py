"""Trains the model and exports it: what TFX's Trainer calls."""

import collections
import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras

from components import serving
from components.features import VOCABULARY, columns, count_numbers
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
    training, log_dir = config["training"], Path(fn_args.model_run_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    tf_keras.utils.set_random_seed(config["seed"])
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    layer = transform.transform_features_layer()
    with tempfile.TemporaryDirectory(dir=log_dir) as aside, _precision(training["mixed_precision"]):
        train = blocks(fn_args.train_files, transform, layer, config, f"{aside}/train")
        validation = blocks(fn_args.eval_files, transform, layer, config, f"{aside}/validation")
        with strategy(tf.config.list_logical_devices("GPU")).scope():
            model = _model(config, transform, _median_label(train))
            compile_model(model, training)
        size = training["batch_size"]
        fit(
            model,
            shuffled(train, config["seed"]).rebatch(size).prefetch(tf.data.AUTOTUNE),
            validation.rebatch(size).prefetch(tf.data.AUTOTUNE),
            training,
            log_dir,
        )
    model.transform = layer
    export(model, raw_spec(transform, columns(config["features"])), fn_args.serving_model_dir)


def blocks(
    patterns: list[str],
    transform: tft.TFTransformOutput,
    layer: tf_keras.Model,
    config: Mapping[str, Any],
    cache: str,
) -> tf.data.Dataset:
    """Transformed rows from gzipped raw examples, some thousands at a time, in a repeatable order.

    The transform graph runs here, in TensorFlow, once: the first pass writes its result to the
    file ``cache``. Transform's own copy, written by Beam row by row in Python, takes many times
    as long. Each element is (features, label) for one block of rows.
    """
    label = config["label"]
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    spec = raw_spec(transform, [*columns(config["features"]), label])

    def parse(batch: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        features = layer(tf.io.parse_example(batch, spec))
        return features, features.pop(label)

    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return records.batch(_BLOCK_ROWS).map(parse).cache(cache)


_BLOCK_ROWS = 4096


def shuffled(rows: tf.data.Dataset, seed: int, most_blocks: int = 64) -> tf.data.Dataset:
    """Blocks in random order, rows in random order within each; anew in every epoch.

    ExampleGen has mixed all rows already, so that any block is a fair sample.
    """

    def permuted(
        number: tf.Tensor, block: tuple[dict[str, tf.Tensor], tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(tf.shape(block[1])[0]), seed=tf.stack([tf.cast(seed, tf.int64), number])
        )
        return tf.nest.map_structure(lambda tensor: tf.gather(tensor, order), block)

    numbers = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    mixed = rows.shuffle(most_blocks, seed=seed)
    return tf.data.Dataset.zip((numbers, mixed)).map(permuted)


def raw_spec(transform: tft.TFTransformOutput, names: Iterable[str]) -> dict[str, Any]:
    """How to parse these columns of a raw ``tf.Example``."""
    spec = transform.raw_feature_spec()
    return {name: spec[name] for name in names}


def _model(
    config: Mapping[str, Any], transform: tft.TFTransformOutput, output_bias: float
) -> tf_keras.Model:
    features = config["features"]
    categories = len(features["categorical"])
    return build_model(
        config["model"],
        numbers=count_numbers(features),
        categories=categories,
        table_rows=1 + transform.vocabulary_size_by_name(VOCABULARY) if categories else 0,
        output_bias=output_bias,
    )


def _median_label(rows: tf.data.Dataset) -> float:
    """Median label of the first block: a constant prediction that robust losses start well from.

    Reads all rows, for a cache that is filled in part is thrown away.
    """
    labels = (labels for _, labels in rows)
    first = next(labels)
    collections.deque(labels, maxlen=0)
    return float(np.median(first))


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
    log_dir: Path,
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
            tf_keras.callbacks.CSVLogger(str(log_dir / "epochs.csv")),
            _Progress(training["epochs"]),
        ],
    )
    # The last step's damage shows in the validation loss alone.
    losses = [*history.history["loss"], *history.history.get("val_loss", [])]
    if not np.isfinite(losses).all():
        raise FloatingPointError(
            f"training diverged: the loss of epoch {len(history.epoch)} is not finite; "
            "lower it: --set training.optimizer.config.learning_rate=0.0001"
        )
    return history


def export(model: tf_keras.Model, spec: Mapping[str, Any], path: str) -> None:
    """Writes a SavedModel with the signatures of ``components.serving``."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    model.save(path, save_format="tf", signatures=serving.signatures(model, spec))


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
