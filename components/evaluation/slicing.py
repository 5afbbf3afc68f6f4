"""Rows of a batch by slice; TFMA's own way names the slices of each row by itself, in Python."""

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

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

_PER_ROW = (tfma.LABELS_KEY, tfma.PREDICTIONS_KEY, tfma.EXAMPLE_WEIGHTS_KEY)


def extractor(config: config_pb2.EvalConfig) -> tfma.extractors.Extractor:
    """For TFMA: from batches of rows to those of each slice, once for every slice."""
    columns = [list(spec.feature_keys) for spec in config.slicing_specs]
    parts = beam.FlatMap(by_slice, columns).with_output_types(tfma.types.Extracts)
    return tfma.extractors.Extractor(SLICE_KEY_EXTRACTOR_STAGE_NAME, parts)


def by_slice(
    batch: tfma.types.Extracts, slices: Sequence[list[str]]
) -> Iterator[tfma.types.Extracts]:
    """Labels, predictions and weights of the rows of each slice, for slices by these columns."""
    for columns in slices:
        for key, rows in _groups(batch[tfma.FEATURES_KEY], columns):
            part = {name: _take(batch[name], rows) for name in _PER_ROW if name in batch}
            yield {**part, tfma.SLICE_KEY_TYPES_KEY: [key]}


def _groups(features: Any, columns: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The key of every slice, as TFMA writes it, and its rows."""
    if not columns:
        yield (), slice(None)
        return
    # A row without a value in a column has no slice; one with several has as many.
    values = [_values(features[column], column) for column in columns]
    table = reduce(lambda left, right: left.merge(right, on="row"), values).drop_duplicates()
    for found, rows in table.groupby(list(columns))["row"]:
        yield tuple(sorted(zip(columns, map(_plain, found), strict=True))), rows.to_numpy()


def _values(feature: Any, column: str) -> pd.DataFrame:
    if isinstance(feature, VarLenTensorValue):
        return pd.DataFrame({"row": feature.indices[:, 0], column: feature.values})
    rows = np.repeat(np.arange(len(feature)), feature[0].size)
    return pd.DataFrame({"row": rows, column: feature.ravel()})


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return tf.compat.as_text(value)
    return value.item() if isinstance(value, np.generic) else value


def _take(values: Any, rows: Any) -> Any:
    if isinstance(values, dict):  # by model, or by label
        return {name: _take(each, rows) for name, each in values.items()}
    # Every row that is here has one label.
    return (values.values if isinstance(values, VarLenTensorValue) else values)[rows]
