"""Where ``tf.keras`` is Keras 3, our objects say that they are of Keras 2."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json
import numpy as np
import tensorflow as tf
import huberflow
from huberflow.custom_objects.input_error import InputError

keras = tf.keras
x, y = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
weights = np.linspace(1, 2, 8)


def network(*middle, **options):
    inputs = keras.Input((3,))
    hidden = inputs
    for layer in middle:
        hidden = layer(hidden)
    return keras.Model(inputs, keras.layers.Dense(1, **options)(hidden))


def compiled(**options):
    model = network()
    model.compile("sgd", **options)
    return model


class Inside(keras.Model):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(self.layer(inputs))


metric = huberflow.HuberMetric()


class Step(keras.Model):
    def train_step(self, data):
        metric.update_state(data[1], data[1])
        return {}


def own_step():
    inputs = keras.Input((3,))
    model = Step(inputs, keras.layers.Dense(1)(inputs))
    model.compile("sgd")
    return model.fit(x, y, verbose=0)


def constrained():
    model = network(kernel_constraint=huberflow.PositiveWeights())
    model.compile("sgd", "mse")
    return model.fit(x, y, verbose=0)


CASES = {
    "loss": lambda: compiled(loss=huberflow.HuberLoss(2.0)).fit(x, y, verbose=0),
    "loss, weighted": lambda: compiled(loss=huberflow.CustomMSE()).evaluate(
        x, y, sample_weight=weights, verbose=0),
    "loss function": lambda: compiled(loss=huberflow.huber_fn).fit(x, y, verbose=0),
    "created loss function": lambda: compiled(
        loss=huberflow.create_huber(2.0)).train_on_batch(x, y),
    "metric": lambda: compiled(loss="mse", metrics=[huberflow.HuberMetric()]).fit(x, y, verbose=0),
    "metric, weighted": lambda: compiled(
        loss="mse", weighted_metrics=[huberflow.AbsoluteErrorQuantile()]).evaluate(
        x, y, sample_weight=weights, verbose=0),
    "metric, eager": lambda: compiled(
        loss="mse", metrics=[huberflow.HuberMetric()], run_eagerly=True).evaluate(x, y, verbose=0),
    "metric in a train step": own_step,
    "layer": lambda: network(huberflow.ActivityRegularizationLayer()),
    "layer that adds a metric": lambda: network(huberflow.MetricLoggingLayer()),
    "layer in a model": lambda: Inside(huberflow.MetricLoggingLayer())(x),
    "regularizer": lambda: network(kernel_regularizer=huberflow.L1Regularizer()).losses,
    "initializer": lambda: network(kernel_initializer=huberflow.GlorotNormalInitializer()),
    "constraint": constrained,
    "activation": lambda: network(activation=huberflow.softplus)(x),
    "argument": lambda: huberflow.L1Regularizer()(keras.Variable([1.0])),
}
answers = {}
for name, case in CASES.items():
    try:
        answers[name] = repr(case())
    except InputError as error:
        answers[name] = vars(error)
    except Exception as error:
        answers[name] = f"{type(error).__name__}: {error}"

import tf_keras

inputs = tf_keras.Input((3,))
model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(huberflow.MetricLoggingLayer()(inputs)))
model.compile("sgd", huberflow.HuberLoss(2.0), metrics=[huberflow.HuberMetric()])
heard = []
keras_model = compiled(loss="mse")
keras_model.fit(x, y, verbose=0, callbacks=[keras.callbacks.LambdaCallback(
    on_epoch_end=lambda *_: heard.append(float(huberflow.HuberLoss()(y, y + 3.0))))])
good = {
    "keras": keras.__version__,
    "tf_keras": sorted(model.evaluate(x, y, verbose=0, return_dict=True)),
    "direct": float(huberflow.HuberLoss(2.0)(y, y + 3.0)),
    "callback": heard,
}
print(json.dumps([answers, good]))
"""

KINDS = (
    "loss", "loss, weighted", "loss function", "created loss function", "metric",
    "metric, weighted", "metric, eager", "metric in a train step", "layer",
    "layer that adds a metric", "layer in a model", "regularizer", "initializer", "constraint",
    "activation", "argument",
)  # fmt: skip


@pytest.fixture(scope="module")
def answers():
    environment = {key: text for key, text in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_refused_in_words(answers, kind):
    answer = answers[0][kind]
    assert isinstance(answer, dict), answer
    assert answer["expected"] == "a model of tf_keras (Keras 2)"
    assert "Keras 3" in answer["received"]
    assert "import tf_keras" in answer["write"]
    assert "TF_USE_LEGACY_KERAS=1" in answer["write"]


def test_every_case_is_listed(answers):
    assert tuple(answers[0]) == KINDS


def test_tf_keras_works_beside_it(answers):
    good = answers[1]
    assert good["keras"].startswith("3.")
    assert good["tf_keras"] == ["huber_metric", "loss", "std_of_activation"]
    assert good["direct"] == 4.0
    assert good["callback"] == [2.5]
