"""The constant prediction, from the train rows."""

import numpy as np
import tensorflow as tf

from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.target import Target

MOST_ROWS = 2**20
"""Of a median: the rows are mixed, so that the first ones are a sample, and memory has a bound."""


def constant_prediction(rows: tf.data.Dataset, target: Target) -> ConstantPrediction:
    """The median of each label, or the share of each class, by weight where rows have one.

    Args:
      rows: blocks of all train rows: features, truth, and perhaps weights.
      target: what is predicted.
    """
    if target.classes:
        shares = np.zeros(len(target.classes))
        for _, truth, *weight in rows.as_numpy_iterator():
            counted = weight[0] if weight else None
            shares += np.bincount(truth.astype(int), counted, len(shares))
        shares /= shares.sum()
        return ConstantPrediction(tuple((shares if target.width > 1 else shares[1:]).tolist()))
    labels, weights, count = [], [], 0
    for _, truth, *weight in rows.as_numpy_iterator():  # all: a cache must be read to its end
        if count < MOST_ROWS:
            labels.append(truth.reshape(len(truth), -1))
            weights.append(weight[0] if weight else np.ones(len(truth)))
            count += len(truth)
    together = np.concatenate(weights).astype(np.float64)
    columns = np.concatenate(labels).astype(np.float64).T
    return ConstantPrediction(tuple(_median(column, together) for column in columns))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The least value at which half of the weight is reached; between two, their mean."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    half = reached[-1] / 2
    low, high = (np.searchsorted(reached, half, side) for side in ("left", "right"))
    return float((values[order][low] + values[order][min(high, len(values) - 1)]) / 2)
