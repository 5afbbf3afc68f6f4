"""Predictions of the trained model for some eval rows: rows that it has never seen."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
import tf_keras

from huberflow.components.contracts.predictions import PredictedRow, Value, write_predictions
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import truth
from huberflow.components.serving import signatures
from huberflow.components.serving.signatures import Spec

ROWS = 2000
"""The number of rows; ExampleGen has mixed all rows, so that the first are a random sample."""


def write(
    model: tf_keras.Model,
    serialized: Sequence[bytes],
    spec: Spec,
    target: Target,
    path: Path,
    threshold: float | None = None,
) -> None:
    """Writes label, outputs and raw columns of each row.

    Args:
      model: trained, its ``transform`` attached.
      serialized: ``tf.Example``s.
      spec: how to parse them, label included.
      target: what the model predicts.
      path: the file; see ``contracts.predictions``.
      threshold: see ``signatures.predict``.
    """
    raw = tf.io.parse_example(tf.constant(serialized, tf.string), spec)
    features = {name: _values(column, len(serialized)) for name, column in raw.items()}
    labels = [_label(label, target) for label in truth(raw, target).numpy().tolist()]
    for label in target.labels:
        del features[label], raw[label]
    outputs = {
        name: _decoded(column.numpy().tolist())
        for name, column in signatures.predict(model, raw, target, threshold).items()
    }
    rows = (
        PredictedRow(
            label,
            {name: values[row] for name, values in outputs.items()},
            {name: values[row] for name, values in features.items()},
        )
        for row, label in enumerate(labels)
    )
    write_predictions(rows, path)


def _label(label: float | list[float], target: Target) -> Value | dict[str, Value]:
    if isinstance(label, list):
        return dict(zip(target.labels, label, strict=True))
    return target.classes[int(label)] if target.classes else label


def _decoded(values: Sequence[bytes | Value]) -> list[Value]:
    return [
        value.decode(errors="replace") if isinstance(value, bytes) else value for value in values
    ]


def _values(column: tf.SparseTensor, rows: int) -> list[Value]:
    """One value per row, ``None`` where there is none."""
    values: list[Value] = [None] * rows
    present = _decoded(column.values.numpy().tolist())
    for (row, _), value in zip(column.indices.numpy(), present, strict=True):
        values[row] = value
    return values
