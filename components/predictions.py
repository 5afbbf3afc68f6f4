"""What a trained model says of rows that it has never seen."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from components import serving

PREDICTIONS = "predictions.jsonl"
"""In the model-run artifact; see ``write``."""

ROWS = 2000
"""How many; ExampleGen has mixed all rows, so that the first are a fair sample."""


def write(
    model: tf_keras.Model,
    serialized: Sequence[bytes],
    spec: Mapping[str, Any],
    label: str,
    path: Path,
) -> None:
    """What the trained model says of some rows that it has never seen, a JSON object per line.

    Each is ``{"label": …, "prediction": …, "features": {column: value or null}}``, raw.
    """
    raw = tf.io.parse_example(tf.constant(serialized, tf.string), spec)
    features = {name: _values(column, len(serialized)) for name, column in raw.items()}
    labels = features.pop(label)
    del raw[label]
    predictions = serving.predict(model, raw)
    with path.open("w", encoding="utf-8") as lines:
        for row, prediction in enumerate(predictions.numpy().tolist()):
            seen = {name: values[row] for name, values in features.items()}
            line = {"label": labels[row], "prediction": prediction, "features": seen}
            lines.write(json.dumps(line) + "\n")


def _values(column: tf.SparseTensor, rows: int) -> list[Any]:
    """One value per row, ``None`` where there is none."""
    found: list[Any] = [None] * rows
    for (row, _), value in zip(column.indices.numpy(), column.values.numpy().tolist(), strict=True):
        found[row] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return found
