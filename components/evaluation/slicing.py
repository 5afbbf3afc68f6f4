"""Splits batches of rows by slice; TFMA's own extractor takes each row by itself, in Python."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TypeAlias

import apache_beam as beam
import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api.types import VarLenTensorValue
from tensorflow_model_analysis.extractors.slice_key_extractor import (
    SLICE_KEY_EXTRACTOR_STAGE_NAME,
)
from tensorflow_model_analysis.proto import config_pb2

SliceKey = tuple[tuple[str, str | int | float], ...]
Rows = np.ndarray | slice
"""Numbers of rows in a batch."""
Values: TypeAlias = np.ndarray | VarLenTensorValue | dict[str, "Values"]
"""A value for each row; those of each model or label by name."""

MISSING = "(missing)"
"""The value of a slice's column in rows that have none; TFMA itself would give them no slice."""

_PER_ROW = (tfma.LABELS_KEY, tfma.PREDICTIONS_KEY, tfma.EXAMPLE_WEIGHTS_KEY)


def extractor(config: config_pb2.EvalConfig) -> tfma.extractors.Extractor:
    """TFMA's extractor of slices: yields each batch once for every slice, with its rows."""
    columns = [list(spec.feature_keys) for spec in config.slicing_specs]
    split = beam.FlatMap(split_by_slice, columns).with_output_types(tfma.types.Extracts)
    return tfma.extractors.Extractor(SLICE_KEY_EXTRACTOR_STAGE_NAME, split)


def split_by_slice(
    batch: tfma.types.Extracts, slices: Sequence[list[str]]
) -> Iterator[tfma.types.Extracts]:
    """Yields labels, predictions and weights of the rows of each slice by these columns."""
    for columns in slices:
        for key, rows in _groups(batch[tfma.FEATURES_KEY], columns):
            selected = {name: _take(batch[name], rows) for name in _PER_ROW if name in batch}
            yield {**selected, tfma.SLICE_KEY_TYPES_KEY: [key]}


def _groups(
    features: tfma.types.Extracts, columns: Sequence[str]
) -> Iterator[tuple[SliceKey, Rows]]:
    """Yields the key of every slice, in TFMA's form, and its rows."""
    if not columns:
        yield (), slice(None)
        return
    # A row with several values in a column has as many slices.
    places = list(range(len(columns)))  # not names, for a column may be called "row"
    values = [_values(features[column], place) for place, column in enumerate(columns)]
    table = reduce(lambda left, right: left.merge(right, on="row"), values).drop_duplicates()
    for group, rows in table.groupby(places)["row"]:
        yield tuple(sorted(zip(columns, map(_plain, group), strict=True))), rows.to_numpy()


def _values(feature: np.ndarray | VarLenTensorValue, place: int) -> pd.DataFrame:
    if isinstance(feature, VarLenTensorValue):
        present = feature.indices[:, 0]
        absent = np.setdiff1d(np.arange(feature.dense_shape[0]), present)
        values = [*feature.values, *([MISSING] * len(absent))]
        rows = np.concatenate([present, absent])
        return pd.DataFrame({"row": rows, place: pd.Series(values, dtype=object)})
    rows = np.repeat(np.arange(len(feature)), feature[0].size)
    return pd.DataFrame({"row": rows, place: feature.ravel()})


def _plain(value: bytes | np.generic) -> str | int | float:
    if isinstance(value, bytes):
        return tf.compat.as_text(value)
    return value.item() if isinstance(value, np.generic) else value


def _take(values: Values, rows: Rows) -> Values:
    if isinstance(values, dict):  # by model, or by label
        return {name: _take(each, rows) for name, each in values.items()}
    # Rows without a label have been dropped: each has one value.
    return (values.values if isinstance(values, VarLenTensorValue) else values)[rows]
