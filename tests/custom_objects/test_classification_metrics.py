"""Metrics of probabilities: the values of scikit-learn, however rare a class is."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.metrics import average_precision_score, roc_auc_score

from huberflow.custom_objects import AUC

GENERATOR = np.random.default_rng(29)

EXACT = {"ROC": roc_auc_score, "PR": average_precision_score}

SCORES = {
    "a model": lambda label, odds: odds + GENERATOR.normal(1.5 * label, 1.0),
    "a timid model": lambda label, odds: odds + GENERATOR.normal(0.1 * label, 0.1),
    "a bold model": lambda label, odds: odds + 5 * GENERATOR.normal(1.5 * label, 1.0),
    "a forest of 20 trees": lambda label, odds: np.log(
        (GENERATOR.binomial(20, 0.02 + 0.1 * label) + 1e-9) / 20
    ),
}
"""Log-odds for labels whose share has log-odds of its own."""

curves = pytest.mark.parametrize("curve", EXACT)


def rows(share, score, count=200_000):
    """Labels with this share of ones, and a probability for each, as a network gives it."""
    labels = np.zeros(count)
    labels[: round(share * count)] = 1
    odds = SCORES[score](labels, np.log(share / (1 - share)))
    return labels, (1 / (1 + np.exp(-odds))).astype(np.float32)


def area(curve, labels, probabilities, weights=None, parts=1):
    """The metric of the rows, which come in parts."""
    metric = AUC(curve, dtype="float64")
    parts = np.array_split(np.arange(len(labels)), parts)
    for part in parts:
        given = None if weights is None else weights[part]
        metric.update_state(labels[part], probabilities[part], given)
    return float(metric.result())


@curves
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("share", [0.5, 0.002, 0.0001, 0.998])
def test_area_is_the_exact_one(curve, score, share):
    labels, probabilities = rows(share, score)
    exact = EXACT[curve](labels, probabilities)
    assert area(curve, labels, probabilities) == pytest.approx(exact, abs=1e-3)


@curves
def test_rows_weigh_what_they_are_given(curve):
    labels, probabilities = rows(0.01, "a model", 20_000)
    weights = GENERATOR.uniform(0, 3, len(labels))
    exact = EXACT[curve](labels, probabilities, sample_weight=weights)
    assert area(curve, labels, probabilities, weights, parts=3) == pytest.approx(exact, abs=1e-3)


@curves
def test_states_of_workers_are_added_up(curve):
    labels, probabilities = rows(0.01, "a model", 20_000)
    workers = [AUC(curve), AUC(curve), AUC(curve)]
    workers[0].update_state(labels[::2], probabilities[::2])
    workers[1].update_state(labels[1::2], probabilities[1::2])
    states = zip(workers[0].get_weights(), workers[1].get_weights(), strict=True)
    workers[2].set_weights([one + other for one, other in states])
    whole = area(curve, labels, probabilities)
    assert float(workers[2].result()) == pytest.approx(whole, rel=1e-6)
    workers[0].merge_state([workers[1]])
    assert float(workers[0].result()) == pytest.approx(whole, rel=1e-6)


def test_ties_count_half():
    labels, probabilities = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.2, 0.2, 0.1, 0.9])
    assert area("ROC", labels, probabilities) == roc_auc_score(labels, probabilities) == 0.875


@curves
@pytest.mark.parametrize("labels", [[], [0.0, 0.0], [1.0, 1.0]])
def test_one_class_has_no_area(curve, labels):
    assert area(curve, np.array(labels), np.array([0.2, 0.7][: len(labels)])) == 0


@curves
def test_certain_probabilities_are_ordered_too(curve):
    labels = np.array([0.0, 1.0, 0.0, 1.0, 1.0])
    probabilities = np.array([0.0, 1.0, 1e-30, 1e-20, 1 - 2**-23], np.float32)
    exact = EXACT[curve](labels, probabilities)
    assert exact == 1.0
    assert area(curve, labels, probabilities) == exact


@pytest.mark.parametrize("wrong", [1.5, -0.1, np.nan])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(tf.errors.InvalidArgumentError, match="from 0 to 1"):
        AUC().update_state([[0.0], [1.0]], [[0.5], [wrong]])


@curves
def test_same_in_eager_graph_and_xla(curve, run):
    labels, probabilities = rows(0.1, "a model", 500)
    metric = AUC(curve, dtype="float64")
    result = run(metric, *map(tf.constant, (labels[:, None], probabilities[:, None])))
    assert float(result) == pytest.approx(area(curve, labels, probabilities), rel=1e-9)


def fitted(scope):
    """The history of a fit, in which a metric is reset, filled and read."""
    inputs = np.random.default_rng(5).normal(size=(64, 2)).astype(np.float32)
    with scope:
        layer = tf_keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")
        model = tf_keras.Sequential([tf_keras.Input((2,)), layer])
        model.compile("sgd", "binary_crossentropy", weighted_metrics=[AUC(), AUC("PR", "pr_auc")])
    data = inputs, (inputs[:, :1] > 0).astype(np.float32)
    return model.fit(*data, 16, epochs=2, shuffle=False, verbose=0).history


def test_replicas_measure_what_one_device_does(two_replicas):
    one, two = fitted(contextlib.nullcontext()), fitted(two_replicas.scope())
    assert {"auc", "pr_auc"} < set(one)
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=1e-4), name
