"""Measures permutation importance on validation rows, in seconds."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras

from huberflow.components.contracts.importance import ColumnImportance, Importance
from huberflow.components.contracts.target import Target
from huberflow.components.features.preprocessing import truth
from huberflow.components.serving.signatures import Spec

ROWS = 500
"""The number of rows; ExampleGen has mixed all rows, so that the first are a random sample."""

SHUFFLES = 5

MOST_COLUMNS = 150
"""Of more columns none is measured: 150 take ten seconds on two busy cores."""

Column: TypeAlias = tf.Tensor | tf.SparseTensor


def importance(
    model: tf_keras.Model,
    serialized: Sequence[bytes],
    spec: Spec,
    target: Target,
    loss: Callable[..., tf.Tensor],
    seed: int,
) -> Importance:
    """The importance of each raw column that the model reads.

    Args:
      model: trained, its ``transform`` attached.
      serialized: ``tf.Example``s with a label.
      spec: how to parse them, labels included.
      target: what the model predicts.
      loss: gives a value for each row; lower is better.
      seed: of the shuffles.
    """
    raw, count = tf.io.parse_example(tf.constant(serialized, tf.string), spec), len(serialized)
    labels = tf.tile(_two_dimensional(truth(raw, target)), [SHUFFLES, 1])
    columns = {name: column for name, column in raw.items() if name not in target.labels}
    rows = np.tile(np.arange(count), SHUFFLES)
    random = np.random.default_rng(seed)
    shuffled = np.concatenate([random.permutation(count) for _ in range(SHUFFLES)])
    as_they_are = {name: _taken(column, rows) for name, column in columns.items()}

    # A graph: op by op, the transform of a hundred columns takes a second and more.
    predict = tf.function(lambda raw: _predictions(model, raw), autograph=False)

    def losses(changed: Mapping[str, Column]) -> np.ndarray:
        """The mean loss of each copy of the rows."""
        values = loss(labels, predict({**as_they_are, **changed}))
        return np.reshape(values, (SHUFFLES, count, -1)).mean(axis=(1, 2), dtype=np.float64)

    base = float(losses({})[0])
    found = []
    for name, column in columns.items():
        increases = losses({name: _taken(column, shuffled)}) - base
        found.append(ColumnImportance(name, float(increases.mean()), float(increases.std())))
    found.sort(key=lambda each: -each.increase)
    return Importance(count, SHUFFLES, base, tuple(found))


def _predictions(model: tf_keras.Model, raw: Mapping[str, Column]) -> tf.Tensor:
    transformed = model.transform(raw)
    inputs = {name: _dense(transformed[name]) for name in model.input_names}
    return _two_dimensional(model(inputs, training=False))


def _dense(column: Column) -> tf.Tensor:
    return tf.sparse.to_dense(column) if isinstance(column, tf.SparseTensor) else column


def _two_dimensional(values: tf.Tensor) -> tf.Tensor:
    return values if values.shape.rank > 1 else values[:, tf.newaxis]


def _taken(column: Column, rows: np.ndarray) -> Column:
    """These rows of a column, in this order."""
    if not isinstance(column, tf.SparseTensor):
        return tf.gather(column, rows)
    taken = tf.gather(tf.RaggedTensor.from_sparse(column), rows).to_sparse()
    return tf.sparse.reset_shape(taken, [len(rows), column.dense_shape[1]])
