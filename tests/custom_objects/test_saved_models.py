"""What a SavedModel keeps: with huberflow, with a function as loss, and without huberflow."""

import json
import os
import subprocess
import sys

import numpy as np
import numpy_reference as reference
import pytest
import tf_keras

from huberflow.custom_objects import (
    AbsoluteErrorQuantile,
    ActivityRegularizationLayer,
    CustomMSE,
    GlorotNormalInitializer,
    HuberLoss,
    HuberMetric,
    L1Regularizer,
    MetricLoggingLayer,
    PositiveWeights,
    create_huber,
    huber_fn,
    softplus,
)

GENERATOR = np.random.default_rng(17)
INPUTS = GENERATOR.normal(size=(16, 3)).astype(np.float32)
LABELS = {
    head: (3 * GENERATOR.normal(size=(16, 2))).astype(np.float32)
    for head in ("by_class", "by_mse", "by_function")
}

# Runs where this package is installed but not imported: the registry stays empty.
ELSEWHERE = """
import json, sys
import tensorflow as tf
import tf_keras

path, inputs = sys.argv[1], json.loads(sys.argv[2])
served = tf.saved_model.load(path).signatures["serving_default"](tf.constant(inputs))
try:
    tf_keras.models.load_model(path, compile=True)
    error = None
except Exception as problem:
    error = str(problem)
print(json.dumps({
    "served": {head: values.numpy().tolist() for head, values in served.items()},
    "error": error,
    "imported": "huberflow" in sys.modules,
}))
"""


def model_of_everything():
    inputs = tf_keras.Input((3,))
    hidden = tf_keras.layers.Dense(
        4,
        activation=softplus,
        kernel_initializer=GlorotNormalInitializer(seed=3),
        kernel_regularizer=L1Regularizer(0.05),
        kernel_constraint=PositiveWeights(),
    )(inputs)
    hidden = MetricLoggingLayer()(ActivityRegularizationLayer(0.02)(hidden))
    model = tf_keras.Model(
        inputs, {head: tf_keras.layers.Dense(2, name=head)(hidden) for head in LABELS}
    )
    model.compile(
        "sgd",
        loss={
            "by_class": HuberLoss(2.5, name="tail"),
            "by_mse": CustomMSE(0.3),
            "by_function": huber_fn,
        },
        metrics={"by_class": [HuberMetric(2.5), AbsoluteErrorQuantile(0.9)]},
    )
    return model


def reloaded(model, path, **arguments):
    model.save(path, save_format="tf")
    return tf_keras.models.load_model(path, **arguments)


def one_output_model(loss):
    model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(3,))])
    model.compile(loss=loss)
    return model


def huber_of_predictions(model, threshold):
    return reference.huber(LABELS["by_class"] - model(INPUTS).numpy(), threshold).mean()


@pytest.fixture(scope="module")
def original():
    """One trained model that uses every object at once."""
    model = model_of_everything()
    model.fit(INPUTS, LABELS, batch_size=8, verbose=0)
    return model


@pytest.fixture(scope="module")
def path(original, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("everything"))
    original.save(path, save_format="tf")
    return path


@pytest.fixture(scope="module")
def restored(path):
    return tf_keras.models.load_model(path, compile=True)


@pytest.fixture(scope="module")
def elsewhere(path):
    """The served values and the error of a process that does not import huberflow."""
    finished = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, path, json.dumps(INPUTS.tolist())],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(finished.stdout.splitlines()[-1])


def assert_same_predictions(one, other):
    for head in LABELS:
        np.testing.assert_array_equal(one[head], other[head])


def test_predictions_survive(original, restored):
    assert_same_predictions(original.predict(INPUTS, verbose=0), restored(INPUTS))


def test_predictions_survive_without_the_compile_arguments(original, path):
    restored = tf_keras.models.load_model(path, compile=False)
    assert_same_predictions(original(INPUTS), restored(INPUTS))


def test_losses_keep_their_arguments(restored):
    tail, pulled, function = (restored.loss[head] for head in LABELS)
    assert (type(tail), tail.threshold, tail.name) == (HuberLoss, 2.5, "tail")
    assert (type(pulled), pulled.regularization_factor) == (CustomMSE, 0.3)
    assert function is huber_fn


def test_metrics_keep_their_arguments(restored):
    metrics = {type(metric): metric for metric in restored.metrics}
    assert metrics[HuberMetric].threshold == 2.5
    assert metrics[AbsoluteErrorQuantile].quantile == 0.9


def test_what_stands_on_the_weights_keeps_its_arguments(restored):
    dense = next(layer for layer in restored.layers if layer.get_config().get("units") == 4)
    assert dense.activation is softplus
    assert dense.kernel_initializer.seed == 3
    assert dense.kernel_regularizer.factor == 0.05
    assert isinstance(dense.kernel_constraint, PositiveWeights)


def test_evaluation_is_the_same(original, restored):
    before, after = (
        model.evaluate(INPUTS, LABELS, batch_size=8, verbose=0, return_dict=True)
        for model in (original, restored)
    )
    assert after == pytest.approx(before, rel=1e-6)
    assert {"by_class_huber_metric", "std_of_activation"} <= set(after)


def test_training_goes_on(restored):
    history = restored.fit(INPUTS, LABELS, batch_size=8, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


def test_elsewhere_the_serving_signature_still_works(original, elsewhere):
    assert not elsewhere["imported"]
    for head, values in original(INPUTS).items():
        np.testing.assert_allclose(elsewhere["served"][head], values, rtol=1e-5, atol=1e-6)


def test_elsewhere_a_compiled_reload_fails_and_names_the_object(elsewhere):
    error = elsewhere["error"] or "none"
    assert error.startswith('Unable to restore custom object of class "custom_objects>')


def test_a_function_loss_loses_its_threshold(tmp_path):
    model = one_output_model(create_huber(2.0))
    restored = reloaded(model, tmp_path, custom_objects={"huber_fn": huber_fn})
    before, after = (
        each.evaluate(INPUTS, LABELS["by_class"], verbose=0) for each in (model, restored)
    )
    assert before == pytest.approx(huber_of_predictions(model, 2.0), rel=1e-5)
    assert after == pytest.approx(huber_of_predictions(model, 1.0), rel=1e-5)
    assert after < 0.9 * before
