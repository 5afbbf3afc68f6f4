"""A metric of many batches is that of all rows together, as TFMA itself computes it by row."""

import math
import pickle

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from huberflow.components.evaluation.batch_metrics import BatchMetric
from huberflow.custom_objects.catalogue import BUILT_IN

LABELS = np.array([10.0, 20.0, 20.0, 40.0, 0.5], np.float32)
PREDICTIONS = np.array([12.0, 20.0, 21.0, 33.0, 0.0], np.float32)
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 4.0], np.float32)


def of(name, module="huberflow.components.evaluation.batch_metrics"):
    return {"module": module, "name": name, "arguments": {}}


PAIRS = {
    "ExampleCount": (of("ExampleCount"), tfma.metrics.ExampleCount()),
    "Calibration": (of("Calibration"), tfma.metrics.Calibration()),
    "MeanSquaredError": (
        of("MeanSquaredError", "tf_keras.metrics"),
        tfma.metrics.MeanSquaredError(),
    ),
}
"""Ours, and TFMA's own of the same rows."""


def value(metric, *workers, weighted=False):
    """Through Beam's combiner, from the batches that each worker has."""
    first, *derived = metric.computations(example_weighted=weighted)
    combiner = first.combiner
    combiner.setup()
    states = []
    for batches in workers:
        states.append(combiner.create_accumulator())
        for rows in batches:
            inputs = {"labels": LABELS[rows], "predictions": PREDICTIONS[rows]}
            if weighted:
                inputs["example_weights"] = WEIGHTS[rows]
            inputs = metric_types.StandardMetricInputs(inputs)
            states[-1] = combiner.add_input(states[-1], inputs)
    found = combiner.extract_output(combiner.merge_accumulators(states))
    for computation in derived:
        found = computation.result(found)
    (result,) = found.values()
    return result


BY_ROW = [[row] for row in range(5)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("keras", "tfmas"), PAIRS.values(), ids=PAIRS)
def test_is_as_by_tfma(keras, tfmas, weighted):
    # Of one worker: merging, TFMA (0.52) counts the first of several mean errors twice.
    expected = value(tfmas, BY_ROW, weighted=weighted)
    metric = BatchMetric(name="x", metric=keras)
    for workers in ([[[0, 1, 2, 3, 4]]], [[[0, 1, 2], [3, 4]]], [BY_ROW[:2], [], BY_ROW[2:]]):
        found = value(metric, *workers, weighted=weighted)
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_key_names_the_model():
    computations = BatchMetric(name="x", metric=of("Calibration")).computations(
        model_names=["candidate", "baseline"]
    )
    assert [key.model_name for c in computations for key in c.keys] == ["candidate", "baseline"]


def seen(name, labels, predictions, weights, module="tf_keras.metrics"):
    """The value of a metric over these rows."""
    (computation,) = BatchMetric(name="x", metric=of(name, module)).computations(
        example_weighted=True
    )
    computation.combiner.setup()
    rows = {"labels": labels, "predictions": predictions, "example_weights": weights}
    rows = {name: np.array(values, np.float32) for name, values in rows.items()}
    combiner = computation.combiner
    state = combiner.create_accumulator()
    state = combiner.add_input(state, metric_types.StandardMetricInputs(rows))
    (value,) = combiner.extract_output(state).values()
    return value


def test_calibration_of_labels_that_add_up_to_nothing_is_none():
    assert math.isnan(seen("Calibration", [1, -1], [1, 1], [1, 1], of("")["module"]))


@pytest.mark.parametrize(
    ("name", "labels", "predictions"),
    [
        ("AUC", [1, 1], [0.9, 0.2]),  # one class
        ("AUC", [0, 0], [0.9, 0.2]),
        ("Precision", [1, 0], [0.1, 0.2]),  # nothing is taken for positive
        ("Recall", [0, 0], [0.9, 0.2]),  # nothing is
        ("F1Score", [0, 0], [0.1, 0.2]),  # neither
        ("R2Score", [0.3, 0.3], [0.1, 0.2]),  # no label varies
    ],
)
def test_what_would_divide_by_nothing_is_not_defined(name, labels, predictions):
    module = BUILT_IN.of_kind("metric")[name].module
    more = ([*labels, 0, 1], [*predictions, 0.1, 0.8], [1, 1, 1, 1])
    assert math.isnan(seen(name, labels, predictions, [1, 1], module))
    assert not math.isnan(seen(name, *more, module))


def test_a_state_is_as_large_as_its_rows_are_many():
    """Thousands of slices have an AUC each."""
    metric = {"module": BUILT_IN.of_kind("metric")["AUC"].module, "name": "AUC", "arguments": {}}
    (computation,) = BatchMetric(name="x", metric=metric).computations()
    computation.combiner.setup()
    rows = {"labels": LABELS > 10, "predictions": PREDICTIONS / 40}
    rows = metric_types.StandardMetricInputs(rows)
    state = computation.combiner.create_accumulator()
    for _ in range(3):
        state = computation.combiner.add_input(state, rows)
    assert len(pickle.dumps(state)) < 1000


@pytest.mark.parametrize("name", ["MeanAbsoluteError", "RootMeanSquaredError", "BinaryAccuracy"])
def test_over_rows_that_weigh_nothing_no_mean_is_defined(name):
    assert math.isnan(seen(name, [1, 0], [0.9, 0.2], [0, 0]))
    assert not math.isnan(seen(name, [1, 0], [0.9, 0.2], [0, 1]))
