"""Trains the model and exports it: what TFX's Trainer calls."""

import collections
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras

from huberflow.components.bundle import bundle
from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.features import VOCABULARY, columns, count_numbers
from huberflow.components.contracts.target import Target
from huberflow.components.serving import signatures
from huberflow.components.training import fitting, predictions
from huberflow.components.training.model import PLAIN, Build, LabelScale, build_model
from huberflow.components.training.rows import (
    blocks,
    labelled,
    raw_spec,
    records,
    relative,
    shuffled,
    split_files,
)
from huberflow.custom_objects import user_objects
from huberflow.custom_objects.catalogue import Catalogue
from huberflow.custom_objects.user_objects import UserObjects


def run_fn(fn_args: Any) -> None:
    """Trains with early stopping, keeps the best weights, writes a SavedModel.

    Beside it, what ``huberflow.components.bundle.bundle`` and the report need of this process.

    Args:
      fn_args: TFX's ``FnArgs``; its ``custom_config`` holds ``seed``, ``label``, ``classes``,
        ``weight`` (a column, or null), ``features``, ``model`` and ``training``, all plain JSON,
        and the user's own ``objects`` and network with the ``folder`` that holds them, or null.
    """
    config, target = fn_args.custom_config, Target.of(fn_args.custom_config)
    log_dir = Path(fn_args.model_run_dir)
    objects = UserObjects.from_json(config["objects"]) if config["objects"] else None
    catalogue = user_objects.load(objects)
    log_dir.mkdir(parents=True, exist_ok=True)
    tf_keras.utils.set_random_seed(config["seed"])
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    layer = transform.transform_features_layer()
    build = user_objects.network_builder(objects)
    model = _trained(fn_args, transform, layer, catalogue, build)
    model.transform = layer
    names = columns(config["features"])
    spec = raw_spec(transform, [*names, *target.labels])
    rows = records(split_files(fn_args.eval_files, "eval")).take(predictions.ROWS)
    unseen = labelled(list(rows.as_numpy_iterator()), spec, target)
    _check_some(len(unseen), "eval", target)
    predictions.write(model, unseen, spec, target, log_dir / artifact_files.PREDICTIONS)
    captured = log_dir / artifact_files.CAPTURED
    bundle.capture(model, unseen[: bundle.ROWS], spec, target, captured, training=config)
    export(model, raw_spec(transform, names), target, fn_args.serving_model_dir)


def _trained(
    fn_args: Any,
    transform: tft.TFTransformOutput,
    layer: Any,
    catalogue: Catalogue,
    build: Build | None,
) -> tf_keras.Model:
    config, log_dir = fn_args.custom_config, Path(fn_args.model_run_dir)
    training, weight = config["training"], config["weight"]
    with (
        tempfile.TemporaryDirectory(dir=log_dir) as aside,
        fitting.precision(training["mixed_precision"]),
    ):
        train = blocks(fn_args.train_files, transform, layer, config, f"{aside}/train")
        held_out = split_files(fn_args.eval_files, "validation")
        validation = blocks(held_out, transform, layer, config, f"{aside}/validation")
        for split, rows in (("train", train), ("validation", validation)):
            _check_some(sum(len(block[1]) for block in rows), split, Target.of(config))
        if weight is not None:
            train, validation = relative(train, validation, weight)
        with fitting.strategy(tf.config.list_logical_devices("GPU")).scope():
            scale = PLAIN
            if not config["classes"]:
                scale = _label_scale(train, config["model"]["label_scale"])
            model = _model(config, transform, scale, catalogue, build)
            fitting.compile_model(model, training, weighted=weight is not None, catalogue=catalogue)
        size = training["batch_size"]
        fitting.fit(
            model,
            shuffled(train, config["seed"]).rebatch(size).prefetch(tf.data.AUTOTUNE),
            validation.rebatch(size).prefetch(tf.data.AUTOTUNE),
            training,
            log_dir,
        )
    return model


def _check_some(rows: int, split: str, target: Target) -> None:
    if not rows:
        raise ValueError(
            f"data.splits: expected rows with {target.name} in {split}, received none; "
            f"write a larger share: --set data.splits.{split}=9"
        )


def _model(
    config: Mapping[str, Any],
    transform: tft.TFTransformOutput,
    label_scale: LabelScale,
    catalogue: Catalogue,
    build: Build | None,
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
        build=build,
        catalogue=catalogue,
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


def export(model: tf_keras.Model, spec: Mapping[str, Any], target: Target, path: str) -> None:
    """Writes a SavedModel with the signatures of ``huberflow.components.serving.signatures``."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    model.save(path, save_format="tf", signatures=signatures.signatures(model, spec, target))
    signatures.name_columns(Path(path), spec)
