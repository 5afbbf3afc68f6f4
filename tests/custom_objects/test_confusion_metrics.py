"""Metrics of the confusion matrix: the values of scikit-learn."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from huberflow.custom_objects import BalancedAccuracy, F1Score

GENERATOR = np.random.default_rng(37)
COUNT = 300
WEIGHTS = GENERATOR.uniform(0, 3, COUNT).astype(np.float32)
LABELS = {2: GENERATOR.choice(2, COUNT, p=[0.8, 0.2]), 5: GENERATOR.choice([0, 1, 3, 4], COUNT)}
ODDS = {
    count: GENERATOR.normal(size=(COUNT, count)) + np.eye(count)[LABELS[count]] for count in LABELS
}
PROBABILITIES = {
    count: (np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)).astype(np.float32)
    for count, odds in ODDS.items()
}
PREDICTIONS = {2: PROBABILITIES[2][:, 1:], 5: PROBABILITIES[5]}
"""Of two classes the probability of the second; of five, one of which has no row."""

METRICS = {
    "balanced accuracy": (BalancedAccuracy, {5: metrics.balanced_accuracy_score}),
    "F1": (F1Score, {5: functools.partial(metrics.f1_score, average="macro")}),
    "weighted F1": (
        functools.partial(F1Score, "weighted"),
        {5: functools.partial(metrics.f1_score, average="weighted")},
    ),
}
OF_TWO = {
    "balanced accuracy": metrics.balanced_accuracy_score,
    "F1": metrics.f1_score,
    "weighted F1": metrics.f1_score,
}


@pytest.fixture(params=METRICS)
def metric(request):
    """Makes fresh copies of one metric, and has scikit-learn's by the number of classes."""
    ours, exact = METRICS[request.param]
    return functools.partial(ours, dtype="float64"), exact | {2: OF_TWO[request.param]}


def likeliest(count, threshold=0.5):
    if count == 2:
        return (PREDICTIONS[2][:, 0] > threshold).astype(int)
    return PREDICTIONS[count].argmax(axis=1)


def fed(metric, count, weights=None, rows=slice(None)):
    weights = None if weights is None else weights[rows]
    metric.update_state(LABELS[count][rows, None], PREDICTIONS[count][rows], weights)
    return metric


@pytest.mark.parametrize("count", LABELS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
def test_is_that_of_scikit_learn(metric, count, weights):
    ours, exact = metric
    expected = exact[count](LABELS[count], likeliest(count), sample_weight=weights)
    assert float(fed(ours(), count, weights).result()) == pytest.approx(expected)


@pytest.mark.parametrize("threshold", [0.1, 0.7])
def test_the_threshold_decides_between_two_classes(metric, threshold):
    ours, exact = metric
    expected = exact[2](LABELS[2], likeliest(2, threshold))
    assert float(fed(ours(threshold=threshold), 2).result()) == pytest.approx(expected)


@pytest.mark.parametrize("count", LABELS)
def test_states_of_workers_are_added_up(metric, count):
    ours, _ = metric
    parts = [fed(ours(), count, WEIGHTS, rows) for rows in (slice(0, 50), slice(50, None))]
    added, pairs = ours(), zip(*(part.get_weights() for part in parts), strict=True)
    added.set_weights([one + other for one, other in pairs])
    whole = float(fed(ours(), count, WEIGHTS).result())
    assert float(added.result()) == pytest.approx(whole)
    parts[0].merge_state(parts[1:])
    assert float(parts[0].result()) == pytest.approx(whole)


@pytest.mark.parametrize("count", LABELS)
def test_a_reset_forgets_every_sample(metric, count):
    ours, _ = metric
    used = fed(ours(), count)
    whole = float(used.result())
    used.reset_state()
    assert float(used.result()) == 0
    assert float(fed(used, count).result()) == whole


@pytest.mark.parametrize("count", LABELS)
def test_same_in_eager_graph_and_xla(metric, count, run):
    ours, _ = metric
    rows = map(tf.constant, (LABELS[count].astype(np.float32), PREDICTIONS[count], WEIGHTS))
    found = float(run(ours(), *rows))
    assert found == pytest.approx(float(fed(ours(), count, WEIGHTS).result()))
