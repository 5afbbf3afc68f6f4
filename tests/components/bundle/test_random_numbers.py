"""Models that draw random numbers or keep a state: a reload computes what the original does."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from bare_environment import BareEnvironment
from random_models import BATCH, CASES, EVEN_THE_ANSWERS, STEPS, chain
from tensorflow.python.ops import stateful_random_ops

import huberflow
from huberflow.components.bundle import bundle, reload

MODEL = {"model/prediction", "model/loss_per_example", "model/loss", "steps"}

CHECK_ALL = """
import json, sys
sys.path.insert(0, f"{sys.argv[1]}/assets.extra")
import reload
print(json.dumps({path: reload.check(path) for path in sys.argv[1:]}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("random")


@pytest.fixture(scope="module")
def bundles(folder):
    """A bundle of each case; of some, a second one, as a pipeline makes it of a SavedModel."""
    paths = {}
    for name, case in CASES.items():
        model, inputs, labels = case.trained()
        paths[name] = folder / name
        huberflow.save_bundle(model, paths[name], inputs, labels, check=False)
        if name in EXPORTED:
            saved, captured = folder / f"{name} saved", folder / f"{name} captured"
            model.save(saved, save_format="tf")
            bundle.capture_saved(saved, captured, inputs=inputs, labels=labels)
            paths[name, "exported"] = folder / f"{name} exported"
            bundle.assemble(saved, captured, paths[name, "exported"], None)
    return paths


EXPORTED = ("stateful", "random predictions", "user's layers")


@pytest.fixture(scope="module")
def reports(bundles, folder):
    """What one process says of all bundles, where only TensorFlow and tf_keras are installed."""
    environment = BareEnvironment(folder / "environment")
    finished = environment.run("-I", "-c", CHECK_ALL, *map(str, bundles.values()), cwd=folder)
    assert finished.returncode == 0, finished.stderr
    reports = json.loads(finished.stdout.splitlines()[-1])
    return {name: reports[str(path)] for name, path in bundles.items()}


@pytest.mark.parametrize("name", [*CASES, *((name, "exported") for name in EXPORTED)], ids=str)
def test_arrives_bit_for_bit(name, reports):
    report = reports[name]
    assert report["precision"] == "same_machine"
    assert {key: each["absolute"] for key, each in report["values"].items() if not each["ok"]} == {}
    case = CASES[name if isinstance(name, str) else name[0]]
    _, _, unproven = report["statement"].partition("Does not prove")
    assert case.differs in unproven
    assert bool(case.differs) == bool(unproven), report["statement"]
    assert MODEL - ({"steps"} if case.differs == STEPS else set()) <= report["values"].keys()
    answered = any(key.startswith("answers/") for key in report["values"])
    assert answered == (case.differs != EVEN_THE_ANSWERS)


class TestTrainingGoesOn:
    """As if no bundle had been saved: with the same masks, from the same states."""

    @pytest.mark.parametrize("name", ["noise", "noise of generators", "stateful"])
    def test_with_the_same_random_numbers(self, name, tmp_path):
        def weights(*, saved):
            tf_keras.utils.set_random_seed(11)
            tf.random.set_global_generator(tf.random.Generator.from_seed(5))
            model, inputs, labels = CASES[name].trained()
            if saved:
                huberflow.save_bundle(model, tmp_path / "bundle", inputs, labels, check=False)
            model.fit(inputs, labels, batch_size=BATCH, verbose=0)
            drawn = tf.random.uniform([3]), tf.random.get_global_generator().uniform([3])
            return [*model.get_weights(), *drawn]

        for one, other in zip(weights(saved=True), weights(saved=False), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_model_with_dropout_is_checked_when_it_is_saved(tmp_path):
    model, inputs, labels = CASES["mixed precision"].trained()
    certificate = huberflow.save_bundle(model, tmp_path / "bundle", inputs, labels)
    assert "two training steps" in certificate["proof"]["statement"]
    assert "Does not prove" not in certificate["proof"]["statement"]


def test_steps_with_other_masks_would_show():
    """Else the proof were none: what is held depends on the numbers drawn."""
    model, inputs, labels = CASES["noise"].trained()
    given = inputs[:BATCH], labels[:BATCH]
    before = model.get_weights()

    def losses():
        model.set_weights(before)
        return reload.measuring.step_losses(model, *given)[0]

    with reload.seeding.seeded(model):
        drawn = losses()
        assert losses() != drawn
    with reload.seeding.seeded(model):
        assert losses() == drawn


def test_the_steps_of_a_loop_draw_in_order():
    """TensorFlow runs them side by side, and each draws when its turn comes."""

    def draws(numbers):
        return tf.map_fn(lambda number: number + tf.random.uniform([]), numbers)

    model = chain(tf_keras.layers.Lambda(draws), shape=(1,))
    numbers = np.zeros((64, 1), np.float32)
    found = set()
    for _ in range(20):
        with reload.seeding.seeded(model):
            found.add(model.predict_on_batch(numbers).tobytes())
    assert len(found) == 1


def test_a_stateful_signature_answers_from_the_saved_state(tmp_path):
    model, inputs, labels = CASES["stateful"].trained()
    states = [state.numpy() for state in model.layers[1].states]
    assert np.any(states)
    huberflow.save_bundle(model, tmp_path / "bundle", inputs, labels, check=False)
    np.testing.assert_array_equal(states, model.layers[1].states)
    expected = model.predict_on_batch(inputs[:BATCH])
    golden = reload.golden(tmp_path / "bundle")
    np.testing.assert_array_equal(golden.values["answers/serving_default/out"], expected)
    assert np.any(golden.values["model/prediction"] != expected), "not from a fresh state"


def test_an_output_that_is_not_random_is_held_beside_one_that_is(tmp_path):
    model, inputs, labels = CASES["run eagerly"].trained()

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def both(x):
        return {"mean": model(x), "sample": model(x, training=True)}

    path = tmp_path / "bundle"
    signatures = {"serving_default": both}
    huberflow.save_bundle(model, path, inputs, labels, signatures=signatures, check=False)
    report = huberflow.check(path)
    assert report["ok"]
    assert "answers/serving_default/mean" in report["values"]
    assert "sample of the answers of serving_default (they differ" in report["statement"]


class TestOtherThreads:
    """While a model draws its numbers in a check, another thread has the generator that it had."""

    @pytest.fixture
    def generator(self):
        """Restores the process's global generator."""
        before = stateful_random_ops.global_generator
        yield
        tf.random.set_global_generator(before)

    @pytest.fixture
    def model(self):
        model, _, _ = CASES["noise of generators"].trained()
        return model

    def elsewhere(self, call):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(call).result(60)

    def test_go_on_with_their_sequence(self, generator, model):
        def draw():
            return tf.random.get_global_generator().uniform([3]).numpy()

        tf.random.set_global_generator(tf.random.Generator.from_seed(5))
        expected = [draw() for _ in range(4)]
        tf.random.set_global_generator(tf.random.Generator.from_seed(5))
        received = [draw()]
        with reload.seeding.seeded(model):
            received += [self.elsewhere(draw)]
            here = [draw()]
            received += [self.elsewhere(draw)]
        received += [draw()]
        np.testing.assert_array_equal(received, expected)
        with reload.seeding.seeded(model):
            np.testing.assert_array_equal([draw()], here)

    def test_set_a_generator_that_stays(self, generator, model):
        new = tf.random.Generator.from_seed(6)
        with reload.seeding.seeded(model):
            self.elsewhere(lambda: tf.random.set_global_generator(new))
            assert tf.random.get_global_generator() is not new
        assert tf.random.get_global_generator() is new

    def test_make_the_first_generator_of_the_process(self, generator, model):
        tf.random.set_global_generator(None)
        with reload.seeding.seeded(model):
            first = self.elsewhere(tf.random.get_global_generator)
            assert tf.random.get_global_generator() is not first
        assert tf.random.get_global_generator() is first

    def test_keep_theirs_where_a_model_sets_one(self, generator, model):
        before, own = tf.random.get_global_generator(), tf.random.Generator.from_seed(7)
        with reload.seeding.seeded(model):
            tf.random.set_global_generator(own)
            assert tf.random.get_global_generator() is own
            assert self.elsewhere(tf.random.get_global_generator) is before
        assert tf.random.get_global_generator() is before

    @pytest.mark.parametrize("eagerly", [True, False])
    def test_run_functions_as_they_did(self, eagerly, model):
        before = tf.config.functions_run_eagerly()
        tf.config.run_functions_eagerly(eagerly)
        try:
            with reload.seeding.seeded(model):
                assert self.elsewhere(tf.config.functions_run_eagerly) == eagerly
                assert self.elsewhere(tf.function(tf.executing_eagerly)) == eagerly
                assert not tf.function(tf.executing_eagerly)()
                assert not tf.config.functions_run_eagerly()
            assert tf.config.functions_run_eagerly() == eagerly
        finally:
            tf.config.run_functions_eagerly(before)
