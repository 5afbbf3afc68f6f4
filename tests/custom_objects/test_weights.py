"""Objects for weights and units: regularizer, activation, initializer, constraint."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from huberflow.custom_objects import (
    GlorotNormalInitializer,
    L1Regularizer,
    PositiveWeights,
    softplus,
)

DTYPES = [tf.float16, tf.bfloat16, tf.float32, tf.float64]


def slope(function, values):
    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    return tape.gradient(result, values).numpy()


# Provenance: by hand, ½·(1 + 2 + 3).
def test_l1_is_the_factor_times_the_sum_of_magnitudes():
    assert float(L1Regularizer(0.5)(tf.constant([[1.0, -2.0], [3.0, 0.0]]))) == 3.0


@pytest.mark.parametrize("factor", [0.0, 0.01, 2.5])
def test_l1_equals_keras(factor, run):
    weights = tf.constant(np.random.default_rng(3).normal(size=(5, 4)), tf.float32)
    expected = tf_keras.regularizers.L1(factor)(weights)
    np.testing.assert_allclose(run(L1Regularizer(factor), weights), expected, rtol=1e-6)


def test_l1_pulls_every_weight_with_the_same_force():
    np.testing.assert_array_equal(
        slope(L1Regularizer(0.5), [3.0, -0.001, 0.0]), np.float32([0.5, -0.5, 0])
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_l1_has_the_dtype_of_the_weights(dtype):
    assert L1Regularizer(0.5)(tf.ones((2, 2), dtype)).dtype == dtype


def test_l1_is_part_of_the_training_loss():
    dense = tf_keras.layers.Dense(
        1, input_shape=(3,), kernel_initializer="ones", kernel_regularizer=L1Regularizer(0.5)
    )
    model = tf_keras.Sequential([dense])
    model.compile(loss="mse")
    assert model.train_on_batch(np.ones((2, 3)), np.full((2, 1), 3.0)) == pytest.approx(1.5)


def test_softplus_equals_numpy(run):
    inputs = np.linspace(-30, 30, 121)
    np.testing.assert_allclose(
        run(softplus, tf.constant(inputs)), np.log1p(np.exp(inputs)), rtol=1e-12
    )


def test_softplus_does_not_overflow(run):
    values = run(softplus, tf.constant([-1000.0, 1000.0, -3e38, 3e38]))
    np.testing.assert_array_equal(values, np.float32([0, 1000, 0, 3e38]))


def test_softplus_gradient_is_the_sigmoid_also_at_zero():
    inputs = np.array([-1000.0, -3.0, 0.0, 0.5, 1000.0])
    sigmoid = [0, 1 / (1 + math.e**3), 0.5, 1 / (1 + math.e**-0.5), 1]
    np.testing.assert_allclose(slope(softplus, inputs), sigmoid, rtol=1e-12)


def test_softplus_gradient_equals_the_numeric_one():
    points = tf.constant([-4.0, -0.5, 0.0, 0.5, 4.0], tf.float64)
    exact, numeric = tf.test.compute_gradient(softplus, [points], 1e-5)
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softplus_keeps_shape_and_dtype(dtype):
    values = softplus(tf.zeros((2, 3), dtype))
    assert values.shape == (2, 3)
    assert values.dtype == dtype


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((300, 200), 300 + 200),
        ((50_000,), 50_000 + 50_000),
        ((3, 3, 64, 128), 3 * 3 * (64 + 128)),
        ((5, 100, 60), 5 * (100 + 60)),
    ],
)
def test_glorot_deviation_follows_the_fans(shape, fans):
    weights = GlorotNormalInitializer(seed=1)(shape).numpy()
    assert weights.shape == shape
    assert weights.std() == pytest.approx(math.sqrt(2 / fans), rel=0.03)
    assert abs(weights.mean()) < 4 * weights.std() / math.sqrt(weights.size)


def test_glorot_keeps_the_tails_that_keras_cuts():
    weights = GlorotNormalInitializer(seed=1)((300, 200)).numpy()
    assert np.abs(weights).max() > 3 * weights.std()


def test_glorot_seed_repeats_the_draw():
    np.testing.assert_array_equal(
        GlorotNormalInitializer(seed=5)((4, 3)), GlorotNormalInitializer(seed=5)((4, 3))
    )


def test_glorot_other_seeds_and_no_seed_draw_anew():
    unseeded = GlorotNormalInitializer()
    draws = [
        GlorotNormalInitializer(seed=5)((4, 3)),
        GlorotNormalInitializer(seed=6)((4, 3)),
        unseeded((4, 3)),
        unseeded((4, 3)),
    ]
    assert len({draw.numpy().tobytes() for draw in draws}) == 4


@pytest.mark.parametrize("seed", [None, 5, -1])
@pytest.mark.parametrize("dtype", [*DTYPES, "float32", None])
def test_glorot_has_the_dtype_asked_for(dtype, seed):
    weights = GlorotNormalInitializer(seed)((2, 3), dtype)
    assert weights.dtype == tf.as_dtype(dtype or "float32")


@pytest.mark.parametrize("layer", [tf_keras.layers.Dense, tf_keras.layers.Conv1D])
def test_glorot_initializes_the_weights_of_a_layer(layer):
    arguments = {"kernel_size": 3} if layer is tf_keras.layers.Conv1D else {}
    built = layer(4, kernel_initializer=GlorotNormalInitializer(seed=5), **arguments)
    built.build((None, 8, 2))
    np.testing.assert_array_equal(built.kernel, GlorotNormalInitializer(seed=5)(built.kernel.shape))


def test_positive_weights_sets_the_negative_ones_to_zero(run):
    constrained = run(PositiveWeights(), tf.constant([[-1.0, 2.0], [0.0, -3e38]]))
    np.testing.assert_array_equal(constrained, [[0, 2], [0, 0]])


def test_positive_weights_stay_so_through_training():
    dense = tf_keras.layers.Dense(1, input_shape=(3,), kernel_constraint=PositiveWeights())
    model = tf_keras.Sequential([dense])
    model.compile(tf_keras.optimizers.SGD(0.1), loss="mse")
    inputs = np.random.default_rng(4).normal(size=(32, 3))
    labels = inputs @ [[1.0], [-1.0], [2.0]]
    model.fit(inputs, labels, batch_size=8, epochs=5, verbose=0)
    weights = dense.kernel.numpy()[:, 0]
    assert weights[1] == 0
    assert weights[0] > 0
    assert weights[2] > 0
