"""Trains the model and exports it: the ``run_fn`` of TFX's Trainer."""

import collections
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras
from tfx.components.trainer.fn_args_utils import FnArgs

from huberflow.components.bundle import bundle
from huberflow.components.bundle.fit_rows import ROWS
from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.features import VOCABULARY
from huberflow.components.contracts.model_config import TrainerConfig
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import truth
from huberflow.components.serving import signatures
from huberflow.components.serving.signatures import Signatures, Spec
from huberflow.components.training import fitting, predictions
from huberflow.components.training.constant import constant_prediction
from huberflow.components.training.model import PLAIN, LabelScale, build_model
from huberflow.components.training.rows import (
    blocks,
    labelled,
    raw_spec,
    records,
    scale_weights,
    shuffled,
    split_files,
)
from huberflow.custom_objects import user_objects
from huberflow.custom_objects.catalogue import Catalogue
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON


def run_fn(fn_args: FnArgs) -> None:
    """Trains with early stopping, keeps the best weights, writes a SavedModel.

    Beside it: what the bundle and the report need to know from this process.

    Args:
      fn_args: its ``custom_config`` is a ``TrainerConfig`` as JSON.
    """
    config = TrainerConfig.from_json(fn_args.custom_config)
    target, log_dir = config.target, Path(fn_args.model_run_dir)
    catalogue = user_objects.load(config.objects)
    log_dir.mkdir(parents=True, exist_ok=True)
    tf_keras.utils.set_random_seed(config.seed)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    layer = transform.transform_features_layer()
    model = _trained(fn_args, config, transform, layer, catalogue)
    model.transform = layer
    spec = raw_spec(transform, [*config.features.columns, *target.labels])
    rows = records(split_files(fn_args.eval_files, "eval")).take(predictions.ROWS)
    unseen = labelled(list(rows.as_numpy_iterator()), spec, target)
    _refuse_empty(len(unseen), "eval", target)
    predictions.write(model, unseen, spec, target, log_dir / artifact_files.PREDICTIONS)
    features = raw_spec(transform, config.features.columns)
    functions = signatures.signatures(model, features, target)
    captured = log_dir / artifact_files.CAPTURED
    capture(model, functions, unseen[:ROWS], spec, target, captured, training=config.to_json())
    export(model, functions, features, Path(fn_args.serving_model_dir))


def _trained(
    fn_args: FnArgs,
    config: TrainerConfig,
    transform: tft.TFTransformOutput,
    layer: tf_keras.Model,
    catalogue: Catalogue,
) -> tf_keras.Model:
    training, log_dir = config.training, Path(fn_args.model_run_dir)
    validation_files = split_files(fn_args.eval_files, "validation")
    with (
        tempfile.TemporaryDirectory(dir=log_dir) as cache,
        fitting.precision(training.mixed_precision),
    ):
        train = blocks(fn_args.train_files, transform, layer, config, f"{cache}/train")
        validation = blocks(validation_files, transform, layer, config, f"{cache}/validation")
        for split, rows in (("train", train), ("validation", validation)):
            _refuse_empty(sum(len(block[1]) for block in rows), split, config.target)
        if config.weight is not None:
            train, validation = scale_weights(train, validation, config.weight)
        constant_prediction(train, config.target).write(log_dir / artifact_files.CONSTANT)
        with fitting.strategy(tf.config.list_logical_devices("GPU")).scope():
            scale = PLAIN if config.classes else _label_scale(train, config.model.label_scale)
            model = _model(config, transform, scale, catalogue)
            fitting.compile_model(
                model, training, weighted=config.weight is not None, catalogue=catalogue
            )
        fitting.fit(
            model,
            shuffled(train, config.seed).rebatch(training.batch_size).prefetch(tf.data.AUTOTUNE),
            validation.rebatch(training.batch_size).prefetch(tf.data.AUTOTUNE),
            training,
            log_dir,
        )
    return model


def _refuse_empty(rows: int, split: str, target: Target) -> None:
    if not rows:
        raise InputError(
            "data.splits",
            expected=f"rows with {target.name} in {split}",
            received="none",
            write=f"--set data.splits.{split}=9",
            hint="make its share larger",
        )


def _model(
    config: TrainerConfig,
    transform: tft.TFTransformOutput,
    label_scale: LabelScale,
    catalogue: Catalogue,
) -> tf_keras.Model:
    categories = len(config.features.categorical)
    return build_model(
        config.model,
        numbers=config.features.numbers,
        categories=categories,
        table_rows=1 + transform.vocabulary_size_by_name(VOCABULARY) if categories else 0,
        outputs=config.target.width,
        activation=config.target.activation,
        label_scale=label_scale,
        build=user_objects.network_builder(config.objects),
        catalogue=catalogue,
    )


def _label_scale(rows: tf.data.Dataset, kind: str) -> LabelScale:
    """Where predictions start and in which unit, from the labels of the first block.

    A start at the median saves robust losses many steps. Weights are ignored: the scale is where
    training starts, not its aim.

    Reads all rows, for a cache that is filled in part is thrown away.

    Raises:
      InputError: a label has no logarithm.
    """
    blocks = (labels for _, labels, *_ in rows)
    first = next(blocks).numpy().astype(np.float64)
    collections.deque(blocks, maxlen=0)
    if kind == "none":
        return LabelScale(np.median(first, axis=0).tolist())
    if kind == "log" and (first <= -1).any():
        raise InputError(
            "model.label_scale",
            expected="labels above -1, for log",
            received=f"{first.min():g}",
            write="--set model.label_scale=standard",
        )
    labels = np.log1p(first) if kind == "log" else first
    low, high = np.quantile(labels, [0.25, 0.75], axis=0)
    # The deviation of a normal distribution; outliers do not change it. Many labels may be equal.
    deviation = np.where(high > low, (high - low) / 1.349, np.std(labels, axis=0))
    deviation = np.where(deviation > 0, deviation, 1.0)
    return LabelScale(np.median(labels, axis=0).tolist(), deviation.tolist(), kind == "log")


def capture(
    model: tf_keras.Model,
    functions: Signatures,
    examples: Sequence[bytes],
    spec: Spec,
    target: Target,
    folder: Path,
    *,
    training: JSON,
) -> None:
    """Writes the bundle's golden values, see ``huberflow.components.bundle.bundle.capture``.

    Each row counts the same: weights are not part of the model.

    Args:
      model: trained, its ``transform`` attached.
      functions: its signatures.
      examples: serialized eval rows with labels.
      spec: how to parse them, labels included.
      target: what the model predicts.
      folder: new.
      training: the Trainer's config.
    """
    parsed = tf.io.parse_example(tf.constant(examples, tf.string), spec)
    features = {name: each for name, each in spec.items() if name not in target.labels}
    raw = {name: parsed[name] for name in features}
    transformed = model.transform(raw)
    bundle.capture(
        model,
        folder,
        {name: _dense(transformed[name]) for name in model.input_names},
        truth(parsed, target).numpy(),
        signatures=functions,
        requests={
            "serving_default": {"examples": examples},
            "columns": signatures.dense_columns(raw),
        },
        argument_names={"columns": signatures.renamed_arguments(features)},
        training=training,
    )


def _dense(column: tf.Tensor | tf.SparseTensor) -> np.ndarray:
    return (tf.sparse.to_dense(column) if isinstance(column, tf.SparseTensor) else column).numpy()


def export(model: tf_keras.Model, functions: Signatures, spec: Spec, path: Path) -> None:
    """Writes a SavedModel with the signatures of ``huberflow.components.serving.signatures``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(str(path), save_format="tf", signatures=functions)
    signatures.name_columns(path, spec)
