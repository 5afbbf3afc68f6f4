"""Training goes on from a bundle bit for bit, whatever the optimizer and its schedule."""

import functools
import json
from types import SimpleNamespace

import numpy as np
import own_optimizers
import own_steps
import pytest
import tensorflow as tf
import tf_keras
from bare_environment import BareEnvironment
from optimizer_choices import choice

import huberflow
from huberflow.components.bundle import reload
from huberflow.custom_objects import registry
from huberflow.custom_objects.input_error import InputError

X = np.random.default_rng(5).normal(size=(24, 3)).astype(np.float32)
Y = (X @ [[1.0], [2.0], [3.0]]).astype(np.float32)


def of_config(written):
    return lambda: registry.build("optimizer", written["name"], written["config"])


def with_schedule(optimizer, schedule, **changes):
    """All arguments of both."""
    arguments = {**choice(optimizer)["config"], "learning_rate": choice(schedule), **changes}
    return of_config({"name": optimizer, "config": arguments})


def without_decay_of_biases():
    adam = tf_keras.optimizers.AdamW(0.02, weight_decay=0.5)
    adam.exclude_from_weight_decay(var_names=["bias"])
    return adam


LOSS_SCALE = tf_keras.mixed_precision.LossScaleOptimizer
LEGACY = tf_keras.optimizers.legacy
ALONE = {"global_clipnorm": None}
OPTIMIZERS = {
    "Adadelta": with_schedule("Adadelta", "CosineDecay"),
    "Adafactor": with_schedule("Adafactor", "CosineDecayRestarts"),
    "Adagrad": with_schedule("Adagrad", "ExponentialDecay", clipvalue=0.05, **ALONE),
    "Adam": with_schedule("Adam", "InverseTimeDecay"),
    "AdamW": with_schedule("AdamW", "PiecewiseConstantDecay"),
    "Adamax": with_schedule("Adamax", "PolynomialDecay"),
    "Ftrl": with_schedule("Ftrl", "CosineDecay"),
    "Nadam": with_schedule("Nadam", "CosineDecay"),
    "RMSprop": with_schedule("RMSprop", "InverseTimeDecay"),
    "SGD": with_schedule("SGD", "PolynomialDecay", clipnorm=0.05, **ALONE),
    "without decay of biases": without_decay_of_biases,
    "loss scale": lambda: LOSS_SCALE(with_schedule("Adam", "CosineDecay")(), True, 8.0, 2),
    "fixed loss scale": lambda: LOSS_SCALE(with_schedule("Lion", "ExponentialDecay")(), False, 8.0),
    "legacy Adam": lambda: LEGACY.Adam(
        tf_keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), amsgrad=True
    ),
    "legacy loss scale": lambda: LOSS_SCALE(LEGACY.Nadam(0.02, clipnorm=0.5)),
    "a user's own": lambda: own_optimizers.Fading(own_optimizers.Warmup(), clipnorm=0.5),
}


def compiled(optimizer):
    tf_keras.utils.set_random_seed(3)
    inputs = tf_keras.Input((3,), name="x")
    hidden = tf_keras.layers.Dense(4, "tanh")(inputs)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(hidden))
    model.compile(optimizer, huberflow.HuberLoss(2.0))
    return model


def fit(model, epochs=1):
    with reload.deterministic_sums():
        model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)


def state(model):
    variables = [*model.variables, *reload.resuming.optimizer_variables(model)]
    return [variable.numpy().tobytes() for variable in variables]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """By the optimizer's name, a trained model and the bundle of it; then the model trains on."""
    folder = tmp_path_factory.mktemp("bundles")

    @functools.cache
    def make(name):
        model, path = compiled(OPTIMIZERS[name]()), folder / name
        fit(model, epochs=3)  # more steps than Nadam counts while Keras traces
        certificate = huberflow.save_bundle(model, path, X, Y, check=False)
        before = model.get_weights()
        fit(model)
        return SimpleNamespace(path=path, certificate=certificate, before=before, after=model)

    return make


@pytest.fixture(params=OPTIMIZERS)
def bundled(request, made):
    return made(request.param)


def test_training_goes_on_bit_for_bit(bundled):
    model = reload.load(bundled.path)
    for found, expected in zip(model.get_weights(), bundled.before, strict=True):
        np.testing.assert_array_equal(found, expected)
    fit(model)
    assert state(model) == state(bundled.after)
    assert bundled.certificate["proof"]["lacking"] == ""
    assert not np.array_equal(model.get_weights()[0], bundled.before[0]), "nothing is learned"


IN_ANOTHER_PROCESS = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import reload
print(json.dumps({path: reload.check(path)["ok"] for path in sys.argv[2:]}))
"""
FOREIGN = ["Adafactor", "Nadam", "fixed loss scale", "without decay of biases", "a user's own"]


def test_the_next_steps_are_the_same_where_only_tensorflow_is(made, tmp_path):
    paths = [str(made(name).path) for name in FOREIGN]
    environment = BareEnvironment(tmp_path / "environment")
    extra = str(made(FOREIGN[0]).path / reload.layout.EXTRA)
    done = environment.run("-c", IN_ANOTHER_PROCESS, extra, *paths, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == dict.fromkeys(paths, True)


def test_the_source_of_a_users_own_travels(tmp_path):
    model = compiled(own_optimizers.Fading(own_optimizers.Warmup(0.1)))
    certificate = huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
    found = {each["class"]: each["config"] for each in certificate["objects"]}
    assert found.keys() == {"HuberLoss", "Fading", "Warmup"}
    assert found["Warmup"] == {"peak": 0.1, "steps": 4}
    assert certificate["source"]["taken"] == ["own_optimizers"]


def test_of_a_model_on_two_devices_goes_on(two_replicas, tmp_path):
    with two_replicas.scope():
        model = compiled(without_decay_of_biases())
        own = compiled(own_optimizers.Fading(own_optimizers.Warmup()))
    for each in (model, own):
        fit(each)
        path = tmp_path / each.optimizer.name
        huberflow.save_bundle(each, path, X, Y, check=False)
        assert reload.check(path)["ok"]
        assert "steps" in reload.golden(path).values


def test_a_changed_learning_rate_goes_on(tmp_path):
    model = compiled("adam")
    model.optimizer.learning_rate = 0.123
    huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
    assert float(reload.load(tmp_path / "b").optimizer.learning_rate) == np.float32(0.123)


REFUSED = {
    "Python counter": (lambda: own_optimizers.Counting(), "Counting.steps=", "add_variable"),
    "lost argument": (
        lambda: own_optimizers.Forgetful(keep=0.9),
        "Forgetful.keep=0.9, and 0.5 from its config",
        "in get_config",
    ),
    "argument that Keras loses": (
        lambda: tf_keras.optimizers.Adam(adaptive_epsilon=True),
        "Adam.adaptive_epsilon=True",
        "in get_config",
    ),
    "name of Keras's": (lambda: own_optimizers.Adam(), "Adam of own_optimizers", "mine"),
    "TensorFlow 1": (
        lambda: tf.compat.v1.train.AdamOptimizer(),
        "TFOptimizer of tf_keras",
        "tf_keras.optimizers.Adam()",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_reload_would_train_on_otherwise_is_refused(name, tmp_path):
    make, received, write = REFUSED[name]
    model = compiled(make())
    fit(model)
    with pytest.raises(InputError) as raised:
        huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
    assert raised.value.key == "optimizer"
    assert received in raised.value.received
    assert write in raised.value.write
    assert not list(tmp_path.iterdir())


def of_three_layers(kind=tf_keras.Model):
    """Its second one has no weights that are trained, and normalizes otherwise when frozen."""
    inputs = tf_keras.Input((3,))
    hidden = tf_keras.layers.Dense(4, name="hidden")(inputs)
    hidden = tf_keras.layers.BatchNormalization(center=False, scale=False, name="norm")(hidden)
    return kind(inputs, tf_keras.layers.Dense(1)(hidden))


class TestFrozenOrUnfrozenAfterCompile:
    """Keras trains what was trainable in ``compile``; a reload would train what is so now."""

    @pytest.mark.parametrize("layer", ["hidden", "norm"])
    @pytest.mark.parametrize("trainable", [True, False])
    @pytest.mark.parametrize(
        ("make", "kind"),
        [
            (tf_keras.optimizers.Adam, tf_keras.Model),
            (LEGACY.SGD, tf_keras.Model),
            (tf_keras.optimizers.Adam, own_steps.OneStep),
        ],
    )
    def test_is_refused_until_the_next_compile(self, layer, trainable, make, kind, tmp_path):
        model = of_three_layers(kind)
        model.get_layer(layer).trainable = not trainable
        model.compile(make(), "mse")
        fit(model)
        model.get_layer(layer).trainable = trainable
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
        assert refused.value.key == "model"
        assert f"{layer} {'unfrozen' if trainable else 'frozen'}" in refused.value.received
        assert refused.value.write.startswith("model.compile(")
        assert not list(tmp_path.iterdir())
        model.compile(make(), "mse")
        fit(model)
        huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
        assert huberflow.check(tmp_path / "b")["ok"]
        again = reload.load(tmp_path / "b")
        assert again.get_layer(layer).trainable is trainable
        for each in (model, again):
            fit(each)
        assert state(again) == state(model)
        huberflow.save_bundle(again, tmp_path / "again", X, Y, check=False)

    def test_of_layers_without_weights_says_nothing_of_training(self, tmp_path):
        inputs = tf_keras.Input((3,))
        hidden = tf_keras.layers.Activation("relu")(inputs)
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(hidden))
        model.compile("adam", "mse")
        model.layers[1].trainable = False
        huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
        assert huberflow.check(tmp_path / "b")["ok"]

    def test_as_a_whole_names_some_of_its_layers(self, tmp_path):
        model = of_three_layers()
        model.compile("adam", "mse")
        model.trainable = False
        with pytest.raises(InputError, match="hidden frozen, norm frozen") as refused:
            huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
        assert "trainable=False" in refused.value.hint


def test_a_nadam_whose_graphs_counted_too_far_is_not_said_to_go_on(tmp_path):
    """It counts in Python while Keras traces; three traces are ahead of one step each."""
    model = compiled("nadam")
    for rows in (8, 7, 6):
        model.train_on_batch(X[:rows], Y[:rows])
    certificate = huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
    assert "Nadam counts its steps in Python" in certificate["proof"]["lacking"]
    assert "two training steps" in certificate["proof"]["statement"].partition("Does not")[2]


def doubled(gradients_and_weights):
    return [(2.0 * gradient, weight) for gradient, weight in gradients_and_weights]


def patched(optimizer):
    apply = optimizer.apply_gradients
    optimizer.apply_gradients = lambda pairs, **options: apply(doubled(pairs), **options)
    return optimizer


PATCHED = {
    "a method of the instance": lambda: patched(tf_keras.optimizers.Adam()),
    "a method that is a tf.function": lambda: _with(
        tf_keras.optimizers.SGD(), apply_gradients=tf.function(doubled)
    ),
    "gradient transformers": lambda: LEGACY.Adam(gradient_transformers=[doubled]),
    "a gradient aggregator": lambda: LEGACY.SGD(gradient_aggregator=doubled),
}


def _with(optimizer, **attributes):
    vars(optimizer).update(attributes)
    return optimizer


@pytest.mark.parametrize("name", PATCHED)
def test_what_was_put_into_an_optimizer_is_refused_though_nothing_is_checked(name, tmp_path):
    with pytest.raises(InputError) as raised:
        huberflow.save_bundle(compiled(PATCHED[name]()), tmp_path / "b", X, Y, check=False)
    assert raised.value.key == "optimizer"
    assert "from its config" in raised.value.received


def test_a_step_that_trains_a_part_of_the_weights_goes_on_bit_for_bit(tmp_path):
    tf_keras.utils.set_random_seed(3)
    model = own_steps.LastLayer(4)
    model.compile(without_decay_of_biases(), huberflow.HuberLoss(2.0))
    fit(model)
    held = reload.resuming.optimized_weights(model)
    assert 0 < len(held) < len(model.trainable_variables)
    certificate = huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
    assert "two training steps" in certificate["proof"]["statement"].partition("Does not")[0]
    again = reload.load(tmp_path / "b")
    assert reload.check(tmp_path / "b")["ok"]
    for each in (model, again):
        fit(each)
    assert state(again) == state(model)
