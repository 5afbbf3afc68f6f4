"""Trains the model and exports it: what TFX's Trainer calls."""

import collections
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras

from components import bundle, predictions, serving
from components.features import VOCABULARY, columns, count_numbers
from components.model import PLAIN, LabelScale, build_model
from components.rows import blocks, labelled, raw_spec, records, relative, shuffled, split_files
from components.target import Target
from custom_objects import own, registry

PROGRESS = logging.getLogger("huberflow.training")
"""One record per epoch; its ``progress`` attribute holds epoch, epochs, time and values."""

EPOCHS = "epochs.csv"
"""In the model-run artifact: a row per epoch, ``epoch`` from 0, ``time`` in seconds since 1970."""


def run_fn(fn_args: Any) -> None:
    """Trains with early stopping, keeps the best weights, writes a SavedModel.

    Beside it, what ``components.bundle`` and the report need of this process.

    Args:
      fn_args: TFX's ``FnArgs``; its ``custom_config`` holds ``seed``, ``label``, ``classes``,
        ``weight`` (a column, or null), ``features``, ``model`` and ``training``, all plain JSON,
        and the user's own ``objects`` and network with the ``folder`` that holds them, or null.
    """
    config, target = fn_args.custom_config, Target.of(fn_args.custom_config)
    training, log_dir = config["training"], Path(fn_args.model_run_dir)
    if config["objects"]:
        own.load(config["objects"], Path(config["objects"]["folder"]))
    log_dir.mkdir(parents=True, exist_ok=True)
    tf_keras.utils.set_random_seed(config["seed"])
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    layer = transform.transform_features_layer()
    with tempfile.TemporaryDirectory(dir=log_dir) as aside, _precision(training["mixed_precision"]):
        train = blocks(fn_args.train_files, transform, layer, config, f"{aside}/train")
        held_out = split_files(fn_args.eval_files, "validation")
        validation = blocks(held_out, transform, layer, config, f"{aside}/validation")
        for split, rows in (("train", train), ("validation", validation)):
            _check_some(sum(len(block[1]) for block in rows), split, target)
        weighted = config["weight"] is not None
        if weighted:
            train, validation = relative(train, validation, config["weight"])
        with strategy(tf.config.list_logical_devices("GPU")).scope():
            scale = PLAIN
            if not config["classes"]:
                scale = _label_scale(train, config["model"]["label_scale"])
            model = _model(config, transform, scale)
            compile_model(model, training, weighted=weighted)
        size = training["batch_size"]
        fit(
            model,
            shuffled(train, config["seed"]).rebatch(size).prefetch(tf.data.AUTOTUNE),
            validation.rebatch(size).prefetch(tf.data.AUTOTUNE),
            training,
            log_dir,
        )
    model.transform = layer
    names = columns(config["features"])
    spec = raw_spec(transform, [*names, *target.labels])
    rows = records(split_files(fn_args.eval_files, "eval")).take(predictions.ROWS)
    unseen = labelled(list(rows.as_numpy_iterator()), spec, target)
    _check_some(len(unseen), "eval", target)
    predictions.write(model, unseen, spec, target, log_dir / predictions.PREDICTIONS)
    captured = log_dir / bundle.CAPTURED
    bundle.capture(model, unseen[: bundle.ROWS], spec, target, captured, training=config)
    export(model, raw_spec(transform, names), target, fn_args.serving_model_dir)


def _check_some(rows: int, split: str, target: Target) -> None:
    if not rows:
        raise ValueError(
            f"data.splits: expected rows with {target.name} in {split}, received none; "
            f"write a larger share: --set data.splits.{split}=9"
        )


def _model(
    config: Mapping[str, Any], transform: tft.TFTransformOutput, label_scale: LabelScale
) -> tf_keras.Model:
    features, target = config["features"], Target.of(config)
    categories = len(features["categorical"])
    return build_model(
        config["model"],
        numbers=count_numbers(features),
        categories=categories,
        table_rows=1 + transform.vocabulary_size_by_name(VOCABULARY) if categories else 0,
        outputs=target.width,
        activation=target.activation,
        label_scale=label_scale,
        build=own.network(config["objects"]) if config["objects"] else None,
    )


def _label_scale(rows: tf.data.Dataset, kind: str) -> LabelScale:
    """Of the labels of the first block; their median is what robust losses start well from.

    Weights have no part in it: it is where training starts, not what it aims at.

    Reads all rows, for a cache that is filled in part is thrown away.

    Raises:
      ValueError: a label has no logarithm.
    """
    blocks = (labels for _, labels, *_ in rows)
    first = next(blocks).numpy().astype(np.float64)
    collections.deque(blocks, maxlen=0)
    if kind == "none":
        return LabelScale(np.median(first, axis=0).tolist())
    if kind == "log" and (first <= -1).any():
        raise ValueError(
            f"model.label_scale: log expects labels above -1, received {first.min():g}; "
            "write: --set model.label_scale=standard"
        )
    labels = np.log1p(first) if kind == "log" else first
    low, high = np.quantile(labels, [0.25, 0.75], axis=0)
    # Of a normal distribution the deviation; outliers have no part in it. Many labels may be equal.
    deviation = np.where(high > low, (high - low) / 1.349, np.std(labels, axis=0))
    deviation = np.where(deviation > 0, deviation, 1.0)
    return LabelScale(np.median(labels, axis=0).tolist(), deviation.tolist(), kind == "log")


def strategy(gpus: list[Any]) -> tf.distribute.Strategy:
    """Mirrored over all GPUs where there are several, else TensorFlow's default."""
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def compile_model(
    model: tf_keras.Model, training: Mapping[str, Any], *, weighted: bool = False
) -> None:
    """Attaches optimizer, loss and metrics, each as its config names it.

    Args:
      model: not compiled yet.
      training: names them.
      weighted: whether the metrics, as the loss does anyway, count each row by its weight.
    """
    metrics = [registry.build_choice("metric", choice) for choice in training["metrics"]]
    model.compile(
        optimizer=registry.build_choice("optimizer", training["optimizer"]),
        loss=registry.build_choice("loss", training["loss"]),
        **{"weighted_metrics" if weighted else "metrics": metrics},
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
            _Progress(training["epochs"]),
            tf_keras.callbacks.CSVLogger(str(log_dir / EPOCHS)),
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


def export(model: tf_keras.Model, spec: Mapping[str, Any], target: Target, path: str) -> None:
    """Writes a SavedModel with the signatures of ``components.serving``."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    model.save(path, save_format="tf", signatures=serving.signatures(model, spec, target))
    serving.name_columns(Path(path), spec)


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
    """Tells whoever listens to ``PROGRESS`` how an epoch went.

    Adds learning rate, speed and time to what the callbacks after it see.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start, self._steps = time.perf_counter(), self._steps_taken()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None  # noqa: S101 (for the type checker: fit always passes them)
        seconds, ended = time.perf_counter() - self._start, time.time()
        logs |= {name: float(value) for name, value in logs.items()}
        logs["learning_rate"] = _learning_rate(self.model.optimizer)
        logs["steps_per_second"] = (self._steps_taken() - self._steps) / seconds
        progress = {
            "epoch": epoch + 1,
            "epochs": self._epochs,
            "time": ended,
            "values": dict(logs),
        }
        logs["time"] = ended
        PROGRESS.info(
            "epoch %d/%d %s",
            epoch + 1,
            self._epochs,
            progress["values"],
            extra={"progress": progress},
        )

    def _steps_taken(self) -> int:
        return int(self.model.optimizer.iterations.numpy())


def _learning_rate(optimizer: Any) -> float:
    """What the optimizer uses now, where a schedule decides it as well."""
    return float(tf_keras.backend.get_value(optimizer.learning_rate))
