"""Rows and models of a pipeline that is not huberflow's, as artifacts of TFX."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras
from tfx.types import standard_artifacts
from tfx.utils import path_utils

ROWS = 64
_random = np.random.default_rng(7)
COLUMNS: Mapping[str, np.ndarray] = {
    "miles": _random.normal(size=(ROWS, 1)).astype(np.float32),
    "minutes": _random.normal(size=(ROWS, 1)).astype(np.float32),
    "fare": _random.normal(size=(ROWS, 1)).astype(np.float32),
    "tipped": _random.integers(0, 2, (ROWS, 1)),
    "payment": _random.integers(0, 3, (ROWS, 1)),
}
INPUTS = {name: COLUMNS[name] for name in ("miles", "minutes")}


def serialized() -> list[bytes]:
    """The rows as ``tf.Example``s."""
    return [_example({n: values[row] for n, values in COLUMNS.items()}) for row in range(ROWS)]


def _example(row: Mapping[str, np.ndarray]) -> bytes:
    example = tf.train.Example()
    for name, values in row.items():
        feature = example.features.feature[name]
        kind = feature.float_list if values.dtype == np.float32 else feature.int64_list
        kind.value.extend(values)
    return example.SerializeToString()


def examples_artifact(folder: str) -> standard_artifacts.Examples:
    """The rows as ExampleGen leaves them."""
    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.id = folder, 1
    artifact.split_names = json.dumps(["train", "eval"])
    for split in ("train", "eval"):
        tf.io.gfile.makedirs(f"{folder}/Split-{split}")
        path = f"{folder}/Split-{split}/data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for row in serialized():
                writer.write(row)
    return artifact


def model_artifact(folder: str, model: tf_keras.Model, **save: object) -> standard_artifacts.Model:
    """The model as a ``run_fn`` saves it."""
    artifact = standard_artifacts.Model()
    artifact.uri, artifact.id = folder, 2
    model.save(path_utils.serving_model_dir(folder), save_format="tf", **save)
    return artifact


def inputs() -> dict[str, tf_keras.Input]:
    return {name: tf_keras.Input((1,), name=name) for name in INPUTS}


def network(units: int = 1, activation: str | None = None, **layer: object) -> tf_keras.Model:
    """A functional model of the two inputs."""
    hidden = tf_keras.layers.Concatenate()([*(taken := inputs()).values()])
    hidden = tf_keras.layers.Dense(4, activation="relu")(hidden)
    return tf_keras.Model(
        taken, tf_keras.layers.Dense(units, activation=activation, **layer)(hidden)
    )


def fitted(model: tf_keras.Model, label: str = "fare", **compiled: object) -> tf_keras.Model:
    """Compiled and trained for two steps."""
    model.compile("adam", **compiled)
    model.fit(INPUTS, COLUMNS[label], batch_size=ROWS // 2, verbose=0)
    return model


def parsing(
    model: tf_keras.Model, argument: str = "examples", *, flat: bool = False, sparse: bool = False
):
    """A serving function of serialized examples, whose argument and shapes are the user's.

    Args:
      model: takes the parsed columns.
      argument: the function's.
      flat: whether the answer is ``[batch]``, not ``[batch, 1]``.
      sparse: parse as with a schema without shapes.
    """
    kind = tf.io.VarLenFeature(tf.float32) if sparse else tf.io.FixedLenFeature([1], tf.float32)

    def serve(rows):
        columns = tf.io.parse_example(rows, dict.fromkeys(INPUTS, kind))
        if sparse:
            columns = {name: tf.sparse.to_dense(column) for name, column in columns.items()}
            columns = {name: tf.ensure_shape(each, [None, 1]) for name, each in columns.items()}
        answer = model(columns)
        return {"score": answer[:, 0]} if flat else {"outputs": answer}

    signature = [tf.TensorSpec([None], tf.string, name=argument)]
    return tf.function(serve, input_signature=signature)
