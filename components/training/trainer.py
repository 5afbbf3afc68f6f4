"""Trains the model and exports it: the ``run_fn`` of TFX's Trainer."""

import tempfile
from collections.abc import Callable, Collection, Sequence
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
from huberflow.components.contracts.threshold import Threshold
from huberflow.components.features.preprocessing import truth
from huberflow.components.serving import signatures
from huberflow.components.serving.signatures import Signatures, Spec
from huberflow.components.training import fitting, importance, predictions
from huberflow.components.training.class_weight import class_weights
from huberflow.components.training.constant import constant_prediction
from huberflow.components.training.rows import (
    blocks,
    exact_columns,
    labelled,
    raw_spec,
    records,
    scale_weights,
    split_files,
)
from huberflow.components.training.threshold import chosen_threshold
from huberflow.components.training.train_model import train_model
from huberflow.custom_objects import registry, user_objects
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
    model, chosen = _trained(fn_args, config, transform, layer, catalogue)
    threshold = chosen.value if chosen else None
    model.transform = layer
    spec = raw_spec(transform, [*config.features.columns, *target.labels])
    rows = records(split_files(fn_args.eval_files, "eval")).take(predictions.ROWS)
    unseen = labelled(list(rows.as_numpy_iterator()), spec, target)
    _refuse_empty(len(unseen), "eval", target)
    predicted = log_dir / artifact_files.PREDICTIONS
    predictions.write(model, unseen, spec, target, predicted, threshold)
    features = raw_spec(transform, config.features.columns)
    exact = exact_columns(transform, config.features)
    functions = signatures.signatures(model, features, target, exact, threshold)
    captured = log_dir / artifact_files.CAPTURED
    capture(
        model,
        functions,
        unseen[:ROWS],
        spec,
        target,
        captured,
        exact=exact,
        training=config.to_json() | ({"threshold": chosen.to_json()} if chosen else {}),
    )
    export(model, functions, features, Path(fn_args.serving_model_dir))
    if len(config.features.columns) <= importance.MOST_COLUMNS:
        validation = records(split_files(fn_args.eval_files, "validation")).take(importance.ROWS)
        known = labelled(list(validation.as_numpy_iterator()), spec, target)
        loss = registry.build(
            "loss", config.training.loss.name, config.training.loss.config, catalogue
        )
        per_row: Callable[..., tf.Tensor] = getattr(loss, "call", loss)
        found = importance.importance(model, known, spec, target, per_row, config.seed)
        found.write(log_dir / artifact_files.IMPORTANCE)


def _trained(
    fn_args: FnArgs,
    config: TrainerConfig,
    transform: tft.TFTransformOutput,
    layer: tf_keras.Model,
    catalogue: Catalogue,
) -> tuple[tf_keras.Model, Threshold | None]:
    log_dir, embedded = Path(fn_args.model_run_dir), config.features.embedded
    validation_files = split_files(fn_args.eval_files, "validation")
    with (
        tempfile.TemporaryDirectory(dir=log_dir) as cache,
        fitting.precision(config.training.mixed_precision),
    ):
        train = blocks(fn_args.train_files, transform, layer, config, f"{cache}/train")
        validation = blocks(validation_files, transform, layer, config, f"{cache}/validation")
        for split, rows in (("train", train), ("validation", validation)):
            _refuse_empty(sum(len(block[1]) for block in rows), split, config.target)
        if config.weight is not None:
            train, validation = scale_weights(train, validation, config.weight)
        constant = constant_prediction(train, config.target)
        constant.write(log_dir / artifact_files.CONSTANT)
        table_rows = 1 + transform.vocabulary_size_by_name(VOCABULARY) if embedded else 0
        model = train_model(
            config,
            train,
            validation,
            table_rows=table_rows,
            log_dir=log_dir,
            class_weights=class_weights(config.training.class_weight, config.target, constant),
            catalogue=catalogue,
        )
        asked = config.model.threshold
        if asked is None:
            return model, None
        chosen = chosen_threshold(model, validation, config.target.classes[1], asked)
        chosen.write(log_dir / artifact_files.THRESHOLD)
        return model, chosen


def _refuse_empty(rows: int, split: str, target: Target) -> None:
    if not rows:
        raise InputError(
            "data.splits",
            expected=f"rows with {target.name} in {split}",
            received="none",
            write=f"--set data.splits.{split}=9",
            hint="make its share larger",
        )


def capture(
    model: tf_keras.Model,
    functions: Signatures,
    examples: Sequence[bytes],
    spec: Spec,
    target: Target,
    folder: Path,
    *,
    training: JSON,
    exact: Collection[str] = (),
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
      exact: columns of whole numbers, see ``signatures.signatures``.
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
            "columns": signatures.dense_columns(raw, exact),
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
