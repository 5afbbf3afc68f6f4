"""Permutation importance: what shuffling a column does to the loss, beside scikit-learn's."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from huberflow.components.contracts.target import Target
from huberflow.components.training import importance as measured

RANDOM = np.random.default_rng(61)
COUNT = 400
MILES, HOURS = RANDOM.normal(size=(2, COUNT)).astype(np.float32)
SPEC = {
    "miles": tf.io.VarLenFeature(tf.float32),
    "hours": tf.io.FixedLenFeature([], tf.float32),
    "town": tf.io.VarLenFeature(tf.string),
    "fare": tf.io.VarLenFeature(tf.float32),
}


def example(**columns) -> bytes:
    found = tf.train.Example()
    for name, value in columns.items():
        if isinstance(value, bytes):
            found.features.feature[name].bytes_list.value.append(value)
        elif value is not None:
            found.features.feature[name].float_list.value.append(value)
    return found.SerializeToString()


@pytest.fixture
def model():
    """3 * miles - hours, 0 for miles that are missing; nothing of the town."""
    inputs = {name: tf_keras.Input([1], name=name) for name in ("miles", "hours")}
    model = tf_keras.Model(inputs, 3.0 * inputs["miles"] - inputs["hours"])

    def transform(raw):
        assert "fare" not in raw, "the label is no feature"
        miles = tf.sparse.reset_shape(raw["miles"], [raw["miles"].dense_shape[0], 1])
        return {"miles": miles, "hours": raw["hours"][:, None], "town": raw["town"]}

    model.transform = transform
    return model


def found(model, miles=MILES, seed=3):
    fares = [3 * (mile or 0.0) - hour for mile, hour in zip(miles, HOURS, strict=True)]
    rows = [
        example(miles=mile, hours=hour, town=b"Oslo", fare=fare)
        for mile, hour, fare in zip(miles, HOURS, fares, strict=True)
    ]
    loss = tf_keras.losses.MeanSquaredError().call
    return measured.importance(model, rows, SPEC, Target(("fare",)), loss, seed)


def test_is_that_of_scikit_learn_but_for_the_shuffles(model):
    table, fares = np.column_stack([MILES, HOURS]), 3 * MILES - HOURS
    fitted = LinearRegression().fit(table, fares)
    options = {"scoring": "neg_mean_squared_error", "n_repeats": 50, "random_state": 0}
    expected = permutation_importance(fitted, table, fares, **options).importances_mean
    first, second, third = found(model).columns
    assert [each.column for each in (first, second, third)] == ["miles", "hours", "town"]
    assert [first.increase, second.increase] == pytest.approx(expected, rel=0.15)
    assert 0 < first.spread < 0.2 * first.increase
    assert (third.increase, third.spread) == (0, 0)


def test_the_loss_is_that_of_the_rows_as_they_are(model):
    result = found(model)
    assert (result.rows, result.shuffles) == (COUNT, measured.SHUFFLES)
    assert result.loss == pytest.approx(0, abs=1e-9)


def test_missing_values_are_shuffled_too(model):
    """A column of ones and of nothing tells all, and shuffled nothing."""
    by_name = {each.column: each for each in found(model, [1.0, None] * (COUNT // 2)).columns}
    # By hand: half of the rows change between 3 and 0.
    assert by_name["miles"].increase == pytest.approx(4.5, rel=0.15)


def test_the_same_seed_gives_the_same(model):
    assert found(model) == found(model)
    assert found(model) != found(model, seed=4)
