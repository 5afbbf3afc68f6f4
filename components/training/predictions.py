"""What a trained model says of rows that it has never seen."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import truth
from huberflow.components.serving import signatures

ROWS = 2000
"""How many; ExampleGen has mixed all rows, so that the first are a fair sample."""


def write(
    model: tf_keras.Model,
    serialized: Sequence[bytes],
    spec: Mapping[str, Any],
    target: Target,
    path: Path,
) -> None:
    """What the trained model says of some rows that it has never seen, a JSON object per line.

    Each is ``{"label": …, "prediction": …, "features": {column: value or null}}``, raw, with all
    outputs of ``serving.signatures``. Of classes the label is text, of several labels an object.
    """
    raw = tf.io.parse_example(tf.constant(serialized, tf.string), spec)
    features = {name: _values(column, len(serialized)) for name, column in raw.items()}
    labels = [_told(label, target) for label in truth(raw, target).numpy().tolist()]
    for label in target.labels:
        del features[label], raw[label]
    found = {
        name: _plain(column) for name, column in signatures.predict(model, raw, target).items()
    }
    with path.open("w", encoding="utf-8") as lines:
        for row, label in enumerate(labels):
            outputs = {name: values[row] for name, values in found.items()}
            seen = {name: values[row] for name, values in features.items()}
            lines.write(json.dumps({"label": label, **outputs, "features": seen}) + "\n")


def _told(label: Any, target: Target) -> Any:
    if target.parts:
        return dict(zip(target.parts, label, strict=True))
    return target.classes[int(label)] if target.classes else label


def _plain(column: tf.Tensor) -> list[Any]:
    return [
        value.decode() if isinstance(value, bytes) else value for value in column.numpy().tolist()
    ]


def _values(column: tf.SparseTensor, rows: int) -> list[Any]:
    """One value per row, ``None`` where there is none."""
    found: list[Any] = [None] * rows
    for (row, _), value in zip(column.indices.numpy(), column.values.numpy().tolist(), strict=True):
        found[row] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return found
