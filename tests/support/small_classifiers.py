"""Small trained models of every task but one plain number, as ``small_bundles`` has of that."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras
from small_bundles import PLAIN, SPEC, Transform, example, training_config

from huberflow.components.bundle import bundle
from huberflow.components.contracts.model_config import ObjectChoice
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import truth
from huberflow.components.serving import signatures
from huberflow.components.training import fitting, trainer
from huberflow.components.training.model import build_model

TWO = Target(("kind",), ("far", "near"))
THREE = Target(("kind",), ("far", "near", "Größe 5.0"))
SEVERAL = Target(("fare", "tips"))
LABELLED = {
    **SPEC,
    "kind": tf.io.VarLenFeature(tf.string),
    "fare": tf.io.VarLenFeature(tf.float32),
    "tips": tf.io.VarLenFeature(tf.float32),
}
OBJECTS = {
    TWO: ("BinaryCrossentropy", "BinaryAccuracy"),
    THREE: ("SparseCategoricalCrossentropy", "SparseCategoricalAccuracy"),
    SEVERAL: ("HuberLoss", "HuberMetric"),
}


def rows(target: Target, number: int = 96) -> list[bytes]:
    """Rows whose kind, fare and tips follow from their miles."""
    random = np.random.default_rng(5)
    found = []
    for miles in random.normal(size=number):
        place = min(int(abs(miles) * len(target.classes)), len(target.classes) - 1)
        kind = {"kind": target.classes[place].encode()} if target.classes else {}
        found.append(example(miles=miles, company=b"Blue", fare=3 * miles, tips=-miles, **kind))
    return found


def parsed(target: Target) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Transformed features and the truth of ``rows``."""
    raw = tf.io.parse_example(tf.constant(rows(target)), LABELLED)
    return Transform()(raw), truth(raw, target)


def trained(target: Target, metric: ObjectChoice | None = None) -> tf_keras.Model:
    """A model that has seen ``rows``, with another metric than that of ``OBJECTS`` if given."""
    tf_keras.utils.set_random_seed(11)
    loss, usual = OBJECTS[target]
    model = build_model(
        PLAIN,
        numbers=2,
        categories=1,
        table_rows=5,
        outputs=target.width,
        activation=target.activation,
    )
    fitting.compile_model(model, training_config(loss, {}, (metric or ObjectChoice(name=usual),)))
    model.fit(*parsed(target), batch_size=16, epochs=4, shuffle=False, verbose=0)
    model.transform = Transform()
    return model


def spec(target: Target) -> dict:
    """How to parse the model's columns and its labels."""
    return {**SPEC, **{label: LABELLED[label] for label in target.labels}}


def bundled(
    model: tf_keras.Model, target: Target, folder: Path, threshold: float | None = None
) -> Path:
    """The bundle of a model, made as the pipeline makes it."""
    config = {"label": list(target.labels), "classes": list(target.classes)}
    captured, out = folder / "captured", folder / "bundle"
    functions = signatures.signatures(model, SPEC, target, threshold=threshold)
    trainer.capture(model, functions, rows(target), spec(target), target, captured, training=config)
    trainer.export(model, functions, SPEC, folder / "exported")
    bundle.assemble(folder / "exported", captured, out, {"commit": "abc123"})
    return out
