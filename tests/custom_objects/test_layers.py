"""Pass-through layers: what they add to the loss and to the log."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from huberflow.custom_objects import ActivityRegularizationLayer, MetricLoggingLayer

INPUTS = np.array([[1.0, 2.0], [3.0, -4.0], [5.0, 6.0], [0.0, 2.0]], np.float32)


def sequential(*layers):
    return tf_keras.Sequential([tf_keras.Input((2,)), *layers])


def functional(*layers):
    inputs = outputs = tf_keras.Input((2,))
    for layer in layers:
        outputs = layer(outputs)
    return tf_keras.Model(inputs, outputs)


@pytest.fixture(params=[sequential, functional])
def model_of(request):
    """Builds a model of layers, in both of Keras's ways."""
    return request.param


@pytest.mark.parametrize("layer", [ActivityRegularizationLayer(0.5), MetricLoggingLayer()])
def test_passes_its_inputs_through(model_of, layer):
    np.testing.assert_array_equal(model_of(layer)(INPUTS), INPUTS)


@pytest.mark.parametrize("rate", [0.1, -0.5, 0.0])
def test_penalty_is_the_rate_times_the_sum(model_of, rate):
    model = model_of(ActivityRegularizationLayer(rate))
    model(INPUTS)
    assert [float(penalty) for penalty in model.losses] == pytest.approx([rate * INPUTS.sum()])


def test_penalty_of_twice_the_batch_is_twice_the_penalty():
    layer = ActivityRegularizationLayer(0.5)
    layer(INPUTS)
    once = float(layer.losses[0])
    layer(np.concatenate([INPUTS, INPUTS]))
    assert float(layer.losses[0]) == pytest.approx(2 * once)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_penalty_has_the_dtype_of_the_inputs(dtype):
    layer = ActivityRegularizationLayer(0.5, dtype=dtype)
    layer(tf.constant(INPUTS, dtype))
    assert layer.losses[0].dtype == dtype


def test_penalty_is_part_of_the_training_loss_and_moves_the_weights(model_of):
    dense = tf_keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = model_of(dense, ActivityRegularizationLayer(0.5))
    model.compile(tf_keras.optimizers.SGD(1.0), loss="mse")
    row_sums = INPUTS.sum(axis=1, keepdims=True)
    loss = model.train_on_batch(INPUTS, row_sums)  # a perfect prediction: no other loss
    assert loss == pytest.approx(0.5 * row_sums.sum())
    np.testing.assert_allclose(dense.kernel[:, 0], 1 - 0.5 * INPUTS.sum(axis=0), rtol=1e-6)


def test_deviation_of_the_activations_is_in_the_history_averaged_over_batches(model_of):
    model = model_of(MetricLoggingLayer(), tf_keras.layers.Dense(1))
    model.compile("sgd", loss="mse")
    history = model.fit(INPUTS, INPUTS[:, :1], batch_size=2, shuffle=False, epochs=2, verbose=0)
    expected = (INPUTS[:2].std() + INPUTS[2:].std()) / 2
    assert history.history["std_of_activation"] == pytest.approx([expected] * 2, rel=1e-6)


def test_a_dead_layer_shows_as_zero(model_of):
    model = model_of(tf_keras.layers.Dense(3, kernel_initializer="zeros"), MetricLoggingLayer())
    model.compile(loss="mse")
    logs = model.test_on_batch(INPUTS, np.zeros((4, 3)), return_dict=True)
    assert logs["std_of_activation"] == 0


def test_deviation_of_half_precision_activations_does_not_overflow(dtype_policy):
    dtype_policy("mixed_float16")
    layer = MetricLoggingLayer()
    layer(tf.constant([[3e4], [-3e4]], tf.float16))
    assert float(layer.metrics[0].result()) == pytest.approx(3e4, rel=1e-3)
