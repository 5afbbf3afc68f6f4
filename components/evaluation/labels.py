"""Labels and predictions in the form that TFMA's metrics expect."""

from functools import reduce

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_model_analysis as tfma

from huberflow.components.contracts.target import Target

TRUTH = "\0truth"
"""Column that ``labelled_rows`` adds: the label as the index of the row's class, or all labels.

No column of the data has a NUL in its name, see ``components.data.files.check_names``.
"""

ALL_LABELS = "\0together"
"""TFMA's output name for all labels together; with several labels, each also has its own output."""


def labelled_rows(batch: pa.RecordBatch, target: Target) -> pa.RecordBatch:
    """The labelled rows of a batch; see ``contracts.labelled_rows``.

    With classes or several labels, the column ``TRUTH`` is added; its values equal the labels that
    the Trainer reads.
    """
    columns = [batch[label] for label in target.labels]
    batch = batch.filter(_all([has_value(column) for column in columns]))
    columns = [pc.list_flatten(batch[label]) for label in target.labels]
    if target.classes:
        columns = [pc.index_in(columns[0], pa.array(target.classes).cast(columns[0].type))]
    if target.classes or target.separate_labels:
        values = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
        offsets = np.arange(len(batch) + 1) * len(columns)
        truth = pa.ListArray.from_arrays(offsets, values.ravel().astype(np.float32))
        batch = batch.append_column(TRUTH, truth)
    finite = [pc.is_finite(column.cast(pa.float64())) for column in columns]
    return batch.filter(_all(finite))


def _all(conditions: list[pa.Array]) -> pa.Array:
    """The rows that meet every condition."""
    return reduce(pc.and_, conditions)


def has_value(column: pa.Array) -> pa.Array:
    """The rows in which a column of lists has a value."""
    return pc.greater(pc.fill_null(pc.list_value_length(column), 0), 0)


def label_key(target: Target) -> str:
    """The column from which TFMA reads the label."""
    return TRUTH if target.classes or target.separate_labels else target.labels[0]


def extractors(target: Target) -> list[tfma.extractors.Extractor]:
    """Extractors that turn a model's outputs into the predictions that metrics expect.

    Predictions of three or more classes have shape ``[batch, classes]``; of two classes, they are
    the probability of the second. With several labels, there are labels and predictions for
    ``ALL_LABELS`` and for each label. In all other cases, no extractor is needed.
    """
    if label_key(target) != TRUTH:
        return []

    def arrange(extracts: tfma.types.Extracts) -> tfma.types.Extracts:
        predictions = _predictions(extracts[tfma.PREDICTIONS_KEY], target)
        labels = extracts[tfma.LABELS_KEY]
        if target.separate_labels:
            labels = _by_label(labels, target)
        return {**extracts, tfma.PREDICTIONS_KEY: predictions, tfma.LABELS_KEY: labels}

    return [tfma.extractors.Extractor("Arrange", beam.Map(arrange))]


def _predictions(outputs: tfma.types.Extracts, target: Target) -> np.ndarray | tfma.types.Extracts:
    if target.number_outputs[0] not in outputs:  # two models: their outputs by name
        return {model: _predictions(each, target) for model, each in outputs.items()}
    values = np.stack([outputs[name] for name in target.number_outputs], axis=1)
    if target.separate_labels:
        return _by_label(values, target)
    return values[:, 1] if target.width == 1 else values


def _by_label(values: np.ndarray, target: Target) -> dict[str, np.ndarray]:
    return {ALL_LABELS: values, **dict(zip(target.separate_labels, values.T, strict=True))}
