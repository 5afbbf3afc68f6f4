"""Two replicas on two logical CPUs learn what one learns from the same global batches."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from huberflow.custom_objects import AbsoluteErrorQuantile, CustomMSE, HuberLoss, HuberMetric

BATCH = 8
GENERATOR = np.random.default_rng(23)
INPUTS = GENERATOR.normal(size=(24, 3)).astype(np.float32)
LABELS = (INPUTS @ [[3.0], [-2.0], [1.0]] + GENERATOR.standard_t(2, (24, 1))).astype(np.float32)
WEIGHTS = GENERATOR.uniform(0, 2, 24).astype(np.float32)


def linear_model():
    return tf_keras.Sequential(
        [tf_keras.layers.Dense(1, input_shape=(3,), kernel_initializer="ones")]
    )


def fitted(scope, loss):
    with scope:
        model = linear_model()
        model.compile(
            tf_keras.optimizers.SGD(0.1),
            loss=loss,
            weighted_metrics=[HuberMetric(2.0), AbsoluteErrorQuantile(0.9)],
        )
    history = model.fit(
        INPUTS, LABELS, BATCH, epochs=2, shuffle=False, sample_weight=WEIGHTS, verbose=0
    )
    return history.history, model.get_weights()


@pytest.mark.parametrize("reduction", ["auto", "sum_over_batch_size"])
@pytest.mark.parametrize("loss", [HuberLoss, CustomMSE])
def test_a_mean_over_the_batch_is_refused_outside_fit(two_replicas, loss, reduction):
    with two_replicas.scope(), pytest.raises(ValueError, match=r"Reduction\.NONE"):
        loss(reduction=reduction)(LABELS, LABELS)


@pytest.mark.parametrize("loss", [HuberLoss(2.0), CustomMSE(0.3)])
def test_fit_gives_the_same_losses_metrics_and_weights(two_replicas, loss):
    history_of_one, weights_of_one = fitted(contextlib.nullcontext(), loss)
    history_of_two, weights_of_two = fitted(two_replicas.scope(), loss)
    assert set(history_of_one) == {"loss", "huber_metric", "absolute_error_quantile"}
    for name, values in history_of_one.items():
        assert history_of_two[name] == pytest.approx(values, rel=1e-5), name
    for one, two in zip(weights_of_one, weights_of_two, strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-6, atol=1e-6)


def test_a_custom_loop_with_reduction_none_gives_the_same(two_replicas):
    def step(batch):
        inputs, labels, weights = batch
        with tf.GradientTape() as tape:
            per_sample = loss(labels, model(inputs), sample_weight=weights)
            average = tf.nn.compute_average_loss(per_sample, global_batch_size=BATCH)
        gradients = tape.gradient(average, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return average

    @tf.function
    def step_on_all_replicas(batch):
        return two_replicas.reduce("SUM", two_replicas.run(step, (batch,)), axis=None)

    with two_replicas.scope():
        model, optimizer = linear_model(), tf_keras.optimizers.SGD(0.1)
        loss = HuberLoss(2.0, reduction="none")
    batches = tf.data.Dataset.from_tensor_slices((INPUTS, LABELS, WEIGHTS)).batch(BATCH)
    losses = [
        [
            float(step_on_all_replicas(b))
            for b in two_replicas.experimental_distribute_dataset(batches)
        ]
        for _ in range(2)
    ]

    history_of_one, weights_of_one = fitted(contextlib.nullcontext(), HuberLoss(2.0))
    assert np.mean(losses, axis=1) == pytest.approx(history_of_one["loss"], rel=1e-5)
    for one, two in zip(weights_of_one, model.get_weights(), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-6, atol=1e-6)
