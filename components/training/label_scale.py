"""Where predictions start, and the unit in which the network computes."""

import collections

import numpy as np
import tensorflow as tf

from huberflow.components.training.model import LabelScale
from huberflow.custom_objects.input_error import InputError


def label_scale(rows: tf.data.Dataset, kind: str) -> LabelScale:
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
