"""Each custom object, in a model of its own, arrives: the reload is the model of the export.

Compared bit for bit with the model in memory. All sums are taken in the order of the code: see
``reload.deterministic_sums``.
"""

import json
import types
from dataclasses import replace

import numpy as np
import pytest
import small_classifiers
import tensorflow as tf
import tf_keras
from small_bundles import (
    METRICS,
    MODEL,
    PLAIN,
    Transform,
    bundled,
    captured,
    examples,
    parsed,
)

from huberflow import custom_objects
from huberflow.components.bundle import bundle_source, reload
from huberflow.components.contracts.model_config import ObjectChoice, TrainingConfig
from huberflow.components.training import fitting
from huberflow.components.training.model import build_model
from huberflow.custom_objects import catalogue, create_huber, registry
from huberflow.custom_objects.input_error import InputError

TOGETHER = "all together"
OBJECTS = list(catalogue.HUBERFLOW)
# A value for each argument, and not its default.
ARGUMENTS = {
    "threshold": 0.7,
    "regularization_factor": 0.3,
    "quantile": 0.9,
    "factor": 0.02,
    "rate": 0.003,
    "seed": 5,
    "curve": "PR",
    "average": "weighted",
}
ADAM = ObjectChoice(name="Adam", config={"learning_rate": 0.02, "clipnorm": 0.5})


def choice(kind, name):
    arguments = catalogue.BUILT_IN.of_kind(kind)[name].arguments
    return ObjectChoice(name=name, config={argument: ARGUMENTS[argument] for argument in arguments})


def configs(name):
    """The configs of a model and of its training, with this object as the only custom one."""
    training = TrainingConfig(optimizer=ADAM, loss=choice("loss", "MeanAbsoluteError"))
    if name == TOGETHER:
        return MODEL, replace(training, metrics=METRICS, loss=choice("loss", "HuberLoss"))
    kind = catalogue.HUBERFLOW[name].kind
    custom = choice(kind, name)
    if kind == "loss":
        return PLAIN, replace(training, loss=custom)
    if kind == "metric":
        return PLAIN, replace(training, metrics=(custom,))
    place = "activity_regularization" if kind == "layer" else kind
    return replace(PLAIN, **{place: custom}), training


def trained(name):
    tf_keras.utils.set_random_seed(11)
    config, training = configs(name)
    model = build_model(config, numbers=2, categories=1, table_rows=5)
    fitting.compile_model(model, training)
    model.fit(*parsed(), batch_size=16, epochs=2, shuffle=False, verbose=0)
    model.transform = Transform()
    return model


def predictions(model, rows):
    return model.predict(rows[0], verbose=0).tobytes()


def evaluation(model, rows):
    """Loss and metrics, over several batches."""
    with reload.deterministic_sums():
        return model.evaluate(*rows, verbose=0, return_dict=True)


def next_steps(model, rows):
    """The losses of further steps, and the weights after them."""
    with reload.deterministic_sums():
        losses = [model.train_on_batch(*rows, return_dict=True)["loss"] for _ in range(3)]
    return losses, [weight.tobytes() for weight in model.get_weights()]


def is_of_classes(name):
    return name != TOGETHER and "regression" not in catalogue.HUBERFLOW[name].tasks


@pytest.fixture(scope="module", params=[*OBJECTS, TOGETHER])
def original(request, tmp_path_factory):
    """What the model in memory says after its export, and the bundle."""
    name, folder = request.param, tmp_path_factory.mktemp("matrix")
    if is_of_classes(name):
        rows = small_classifiers.parsed(small_classifiers.TWO)
        model = small_classifiers.trained(small_classifiers.TWO, choice("metric", name))
        path = small_classifiers.bundled(model, small_classifiers.TWO, folder)
    else:
        rows, model = parsed(), trained(name)
        path = bundled(model, folder)
    return types.SimpleNamespace(
        name=name,
        rows=rows,
        bundle=path,
        predictions=predictions(model, rows),
        evaluation=evaluation(model, rows),
        next_steps=next_steps(model, rows),
    )


@pytest.fixture(scope="module")
def reloaded(original):
    return reload.load(original.bundle)


@pytest.fixture(scope="module")
def frozen(original):
    return reload.load(original.bundle, trainable=False)


class TestReloaded:
    def test_predicts_the_same(self, original, reloaded):
        assert predictions(reloaded, original.rows) == original.predictions

    def test_loss_and_metrics_are_the_same(self, original, reloaded):
        assert evaluation(reloaded, original.rows) == original.evaluation

    def test_the_next_steps_are_the_same(self, original):
        losses, weights = next_steps(reload.load(original.bundle), original.rows)
        expected_losses, expected_weights = original.next_steps
        assert losses == expected_losses
        assert len(set(losses)) == len(losses), "nothing is learned: a poor example"
        assert weights == expected_weights

    def test_the_bundle_says_what_it_carries(self, original):
        certificate = json.loads((original.bundle / reload.layout.CERTIFICATE).read_text())
        carried = {entry["class"] for entry in certificate["objects"]}
        if original.name == TOGETHER:
            assert len(carried) == 9
        else:
            assert carried == {original.name}


class TestFrozen:
    def test_predicts_the_same(self, original, frozen):
        assert predictions(frozen, original.rows) == original.predictions

    def test_loss_and_metrics_are_the_same(self, original, frozen):
        assert evaluation(frozen, original.rows) == original.evaluation

    def test_learns_nothing(self, original, frozen):
        before = frozen.get_weights()
        assert frozen.trainable_variables == []
        frozen.fit(*original.rows, verbose=0)
        for weight, earlier in zip(frozen.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, earlier)


def test_of_a_model_trained_with_weights_metrics_count_by_them(tmp_path):
    weights = np.random.default_rng(3).uniform(0, 5, len(examples())).astype(np.float32)

    def weighted(model):
        with reload.deterministic_sums():
            return model.evaluate(*parsed(), sample_weight=weights, verbose=0, return_dict=True)

    model = build_model(PLAIN, numbers=2, categories=1, table_rows=5)
    training = replace(configs(TOGETHER)[1], optimizer=ADAM)
    fitting.compile_model(model, training, weighted=True)
    model.fit(*parsed(), sample_weight=weights, verbose=0)
    model.transform = Transform()
    path = bundled(model, tmp_path)
    expected, reloaded = weighted(model), reload.load(path)
    assert weighted(reloaded) == expected
    assert evaluation(reloaded, parsed())["huber_metric"] != expected["huber_metric"]
    assert next_steps(reloaded, parsed()) == next_steps(model, parsed())
    assert reload.check(path)["ok"]


def test_no_object_is_left_out():
    """``create_huber`` is none: it makes a function, which is refused below."""
    ours = {
        name
        for name, target in registry.registered().items()
        if target.__module__.startswith("huberflow.custom_objects.")
    }
    assert ours == set(OBJECTS)
    assert set(custom_objects.__all__) - set(OBJECTS) == {"create_huber"}


def inside():
    class Inside(tf_keras.losses.Loss):
        pass

    return Inside()


def of_a_script():
    return type("Typed", (tf_keras.losses.Loss,), {"__module__": "__main__"})()


class TestWhatCouldNotBeReloaded:
    """Refused while the model is still in memory, not by whom it is handed to."""

    @pytest.mark.parametrize(
        ("arguments", "name", "write"),
        [
            ({"loss": create_huber(2.0)}, "huber_fn", "def huber_fn"),
            ({"loss": "mse", "metrics": [create_huber(2.0)]}, "huber_fn", "def huber_fn"),
            ({"loss": inside()}, "Inside", "class Inside"),
            ({"loss": of_a_script()}, "Typed", 'Typed = huberflow.objects.write("my_objects.py"'),
            ({"loss": lambda y_true, y_pred: y_true - y_pred}, "<lambda>", "def my_function"),
        ],
        ids=["create_huber", "create_huber-as-metric", "class", "script", "lambda"],
    )
    @pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
    def test_is_refused(self, arguments, name, write, tmp_path):
        model = build_model(PLAIN, numbers=2, categories=1, table_rows=5)
        model.compile("sgd", **arguments)
        model.transform = Transform()
        with pytest.raises(InputError) as caught:
            captured(model, tmp_path / "captured")
        assert caught.value.key == name
        assert write in caught.value.write
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "loss",
        ["mse", tf_keras.losses.log_cosh, tf_keras.losses.Huber(2.0)],
        ids=["by-name", "function", "class"],
    )
    def test_keras_own_are_welcome(self, loss, tmp_path):
        model = build_model(PLAIN, numbers=2, categories=1, table_rows=5)
        model.compile("sgd", loss=loss, metrics=["mae", tf_keras.losses.mean_squared_error])
        model.transform = Transform()
        assert reload.check(bundled(model, tmp_path))["ok"]

    def test_keras_own_layers_and_operators_are_no_custom_objects(self):
        inputs = tf_keras.Input((4,))
        hidden = tf_keras.layers.Dense(2, tf.nn.leaky_relu, kernel_regularizer="l2")(inputs)
        hidden = tf_keras.layers.BatchNormalization()(2 * hidden + 1)
        model = tf_keras.Model(inputs, tf_keras.Sequential([tf_keras.layers.Dense(1)])(hidden))
        rate = tf_keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
        model.compile(
            tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.Adam(rate)),
            loss=tf_keras.losses.LogCosh(),
            metrics=["accuracy", tf_keras.metrics.binary_accuracy, tf_keras.metrics.AUC()],
        )
        model.transform = Transform()
        assert bundle_source.used_objects(model) == []
