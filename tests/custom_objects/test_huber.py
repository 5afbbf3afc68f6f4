"""The Huber formula itself: values, gradients, properties."""

import numpy as np
import numpy_reference as reference
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st
from property_settings import properties

from huberflow.custom_objects.losses import huber

GRID = np.linspace(-5, 5, 41)

errors = st.floats(-1e6, 1e6, allow_subnormal=False)
thresholds = st.floats(1e-3, 1e3)


def loss(error, threshold):
    return float(huber(tf.constant(error, tf.float64), threshold))


def slope(error, threshold):
    error = tf.constant(error)
    with tf.GradientTape() as tape:
        tape.watch(error)
        value = huber(error, threshold)
    return tape.gradient(value, error).numpy()


# Provenance: by hand, ½e² below the threshold t, t·|e| - ½t² from there on.
@pytest.mark.parametrize(
    ("error", "threshold", "expected"),
    [
        (0.0, 1.0, 0.0),
        (0.5, 1.0, 0.125),  # ½·0.25
        (-0.5, 1.0, 0.125),
        (1.0, 1.0, 0.5),  # ½·1, and 1·1 - ½·1
        (3.0, 1.0, 2.5),  # 1·3 - ½·1
        (-3.0, 1.0, 2.5),
        (1.5, 2.0, 1.125),  # ½·2.25
        (3.0, 2.0, 4.0),  # 2·3 - ½·4
        (10.0, 0.5, 4.875),  # ½·10 - ½·0.25
    ],
)
def test_golden_values(error, threshold, expected):
    assert loss(error, threshold) == expected


@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.5, 10.0])
def test_equals_the_textbook_form(threshold):
    values = huber(tf.constant(GRID), threshold)
    np.testing.assert_allclose(values, reference.huber(GRID, threshold), rtol=1e-14)


@pytest.mark.parametrize("threshold", [0.3, 1.0, 2.5, 10.0])
def test_equals_keras(threshold):
    error = tf.constant(GRID, tf.float32)[:, tf.newaxis]
    keras = tf_keras.losses.Huber(delta=threshold, reduction="none")
    np.testing.assert_allclose(
        huber(error, threshold)[:, 0], keras(error, tf.zeros_like(error)), rtol=1e-6
    )


def test_same_in_eager_graph_and_xla(run):
    values = run(lambda error: huber(error, 2.0), tf.constant(GRID))
    np.testing.assert_allclose(values, reference.huber(GRID, 2.0), rtol=1e-14)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_keeps_shape_and_dtype(dtype):
    error = tf.ones((2, 3, 4), dtype)
    assert huber(error, 2.0).dtype == dtype
    assert huber(error, 2.0).shape == error.shape


@pytest.mark.parametrize("threshold", [0.3, 2.5])
def test_gradient_is_the_clipped_error(threshold):
    np.testing.assert_allclose(
        slope(GRID, threshold), np.clip(GRID, -threshold, threshold), rtol=1e-14
    )


def test_gradient_equals_the_numeric_one_also_where_the_pieces_meet():
    points = tf.constant([-7.0, -2.0, -0.4, 0.0, 0.4, 2.0, 7.0], tf.float64)
    exact, numeric = tf.test.compute_gradient(lambda error: huber(error, 2.0), [points], 1e-5)
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("error", [0.0, 2.0, -2.0, 1e30, -1e30, 3e38])
def test_gradient_is_finite_everywhere(error, dtype):
    assert slope(dtype(error), 2.0) == np.clip(error, -2.0, 2.0)


def test_value_is_finite_at_huge_errors():
    assert float(huber(tf.constant(1e30), 2.0)) == pytest.approx(2e30)


@properties
@given(errors, thresholds)
def test_symmetric(error, threshold):
    assert loss(error, threshold) == loss(-error, threshold)


@properties
@given(errors, thresholds)
def test_between_zero_and_half_the_square(error, threshold):
    assert 0 <= loss(error, threshold) <= 0.5 * error**2 * (1 + 1e-15)


@properties
@given(errors, errors, thresholds)
def test_never_falls_as_the_error_grows(one, other, threshold):
    small, large = sorted([one, other], key=abs)
    assert loss(small, threshold) <= loss(large, threshold) * (1 + 1e-15)


@properties
@given(errors)
def test_a_large_threshold_leaves_half_the_square(error):
    assert loss(error, 2e6) == pytest.approx(0.5 * error**2, rel=1e-15)


@properties
@given(thresholds)
def test_continuous_where_the_pieces_meet(threshold):
    below, above = threshold * (1 - 1e-9), threshold * (1 + 1e-9)
    assert loss(below, threshold) == pytest.approx(0.5 * threshold**2, rel=1e-8)
    assert loss(above, threshold) == pytest.approx(0.5 * threshold**2, rel=1e-8)
