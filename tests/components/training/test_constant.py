"""The constant prediction, beside scikit-learn's dummies."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.dummy import DummyClassifier, DummyRegressor

from huberflow.components.contracts.target import Target
from huberflow.components.training import constant
from huberflow.components.training.constant import constant_prediction

RANDOM = np.random.default_rng(3)


def blocks(truth, weights=None):
    """Train rows in blocks of 7."""
    columns = [np.zeros(len(truth)), truth, *([] if weights is None else [weights])]
    return tf.data.Dataset.from_tensor_slices(tuple(columns)).batch(7)


@pytest.mark.parametrize("rows", [50, 51])
def test_a_number_is_the_median(rows):
    truth = RANDOM.exponential(size=rows).astype(np.float32)
    dummy = DummyRegressor(strategy="median").fit(truth, truth)
    expected = dummy.predict([0])
    assert constant_prediction(blocks(truth), Target(("fare",))).values == pytest.approx(expected)


def test_several_labels_have_a_median_each():
    truth = RANDOM.normal(size=(30, 2)).astype(np.float32)
    found = constant_prediction(blocks(truth), Target(("fare", "tips"))).values
    assert found == pytest.approx(np.median(truth, axis=0))


def test_weights_count_as_copies():
    truth = RANDOM.normal(size=40).astype(np.float32)
    weights = RANDOM.integers(0, 4, 40).astype(np.float32)
    expected = np.median(np.repeat(truth, weights.astype(int)))
    found = constant_prediction(blocks(truth, weights), Target(("fare",))).values
    assert found == pytest.approx((expected,))


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c", "never")])
def test_classes_are_their_shares(classes):
    truth = RANDOM.integers(0, min(len(classes), 3), 60).astype(np.float32)
    weights = RANDOM.uniform(0, 2, 60).astype(np.float32)
    dummy = DummyClassifier(strategy="prior").fit(truth, truth, weights)
    shares = np.zeros(len(classes))
    shares[dummy.classes_.astype(int)] = dummy.predict_proba([0])[0]
    found = constant_prediction(blocks(truth, weights), Target(("kind",), classes)).values
    assert found == pytest.approx(shares[1:] if len(classes) == 2 else shares, rel=1e-6)


def test_a_median_of_very_many_rows_is_that_of_a_sample(monkeypatch):
    monkeypatch.setattr(constant, "MOST_ROWS", 10)
    truth = np.arange(100, dtype=np.float32)
    assert constant_prediction(blocks(truth), Target(("fare",))).values == (6.5,)  # 0 to 13
