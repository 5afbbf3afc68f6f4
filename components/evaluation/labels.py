"""Labels and predictions as TFMA's metrics take them."""

from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_model_analysis as tfma

from huberflow.components.contracts.target import Target

TRUTH = "__truth__"
"""Column that ``labelled`` adds: the place of the row's class among all, or all of its labels."""

TOGETHER = "__together__"
"""TFMA's name of all labels together, where there are several; each has its own for itself."""


def labelled(batch: pa.RecordBatch, target: Target) -> pa.RecordBatch:
    """The rows that have all labels: of each a list of one finite number, or one of the classes.

    With classes or several labels, also ``TRUTH``, as the Trainer has it.
    """
    columns = [batch[label] for label in target.labels]
    batch = batch.filter(_all([is_there(column) for column in columns]))
    columns = [pc.list_flatten(batch[label]) for label in target.labels]
    if target.classes:
        columns = [pc.index_in(columns[0], pa.array(target.classes).cast(columns[0].type))]
    if target.classes or target.parts:
        values = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
        offsets = np.arange(len(batch) + 1) * len(columns)
        truth = pa.ListArray.from_arrays(offsets, values.ravel().astype(np.float32))
        batch = batch.append_column(TRUTH, truth)
    finite = [pc.is_finite(column.cast(pa.float64())) for column in columns]
    return batch.filter(_all(finite))


def _all(conditions: list[pa.Array]) -> pa.Array:
    """Rows that meet every one; null is no."""
    met, *others = conditions
    for other in others:
        met = pc.and_(met, other)
    return met


def is_there(column: pa.Array) -> pa.Array:
    """In which rows a column of lists has a value."""
    return pc.greater(pc.fill_null(pc.list_value_length(column), 0), 0)


def label_key(target: Target) -> str:
    """The column that TFMA is to read the label from."""
    return TRUTH if target.classes or target.parts else target.labels[0]


def extractors(target: Target) -> list[tfma.extractors.Extractor]:
    """What makes of a model's outputs the predictions that metrics take; none where they are.

    Of classes ``[batch, classes]``, of two the second's probability; of several labels, labels and
    predictions of all ``TOGETHER`` and of each.
    """
    if label_key(target) != TRUTH:
        return []

    def arranged(extracts: Mapping[str, Any]) -> dict[str, Any]:
        predictions = _predictions(extracts[tfma.PREDICTIONS_KEY], target)
        labels = extracts[tfma.LABELS_KEY]
        if target.parts:
            labels = _by_label(labels, target)
        return {**extracts, tfma.PREDICTIONS_KEY: predictions, tfma.LABELS_KEY: labels}

    return [tfma.extractors.Extractor("Arranged", beam.Map(arranged))]


def _predictions(outputs: Mapping[str, Any], target: Target) -> Any:
    if target.numbers[0] not in outputs:
        return {model: _predictions(found, target) for model, found in outputs.items()}
    found = np.stack([outputs[name] for name in target.numbers], axis=1)
    if target.parts:
        return _by_label(found, target)
    return found[:, 1] if target.width == 1 else found


def _by_label(values: np.ndarray, target: Target) -> dict[str, np.ndarray]:
    return {TOGETHER: values, **dict(zip(target.parts, values.T, strict=True))}
