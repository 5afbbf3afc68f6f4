"""A bundle of a model that another process trained: what it can prove, and what not."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import huberflow
from huberflow.components.bundle import bundle, reload
from huberflow.custom_objects.input_error import InputError

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(300, 4)).astype(np.float32)
LABELS = INPUTS.sum(axis=1, keepdims=True)
ANSWER = "answers/serving_default/out"


def trained(optimizer="adam", loss=None):
    inputs = tf_keras.Input((4,), name="x")
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="out", dtype="float32")(inputs))
    model.compile(optimizer, loss or huberflow.HuberLoss(2.0))
    model.fit(INPUTS, LABELS, verbose=0)
    return model


def save(model, folder):
    model.save(folder, save_format="tf")
    return folder


@pytest.fixture(scope="module")
def model():
    return trained()


@pytest.fixture(scope="module")
def saved_model(model, tmp_path_factory):
    return save(model, tmp_path_factory.mktemp("trained") / "model")


@pytest.fixture
def bundled(tmp_path):
    """A function that makes a bundle of a SavedModel; returns its path and certificate."""

    def make(saved_model, **rows):
        bundle.capture_saved(saved_model, tmp_path / "captured", **rows)
        out = tmp_path / "bundle"
        return out, bundle.assemble(saved_model, tmp_path / "captured", out, None)

    return make


def optimizer_state(path):
    with np.load(path / reload.layout.OPTIMIZER) as file:
        places = [name for name in file.files if name.isdigit()]
        return [file[place] for place in sorted(places, key=int)]


class TestWithRows:
    def test_its_values_are_those_of_the_exporting_process(self, saved_model, bundled):
        path, certificate = bundled(saved_model, inputs=INPUTS, labels=LABELS)
        assert certificate["proof"] == {
            "model": "exporting process",
            "weights": "as trained",
            "signatures": {"serving_default": "exporting process"},
            "lacking": "",
            "statement": "Proves: predictions, loss, metrics, two training steps and the answers "
            "of serving_default, as in the exporting process.",
        }
        report = huberflow.check(path)
        assert report["ok"]
        assert {"steps", "model/loss", ANSWER} <= report["values"].keys()

    def test_without_labels_it_says_what_it_does_not_prove(self, saved_model, bundled):
        path, certificate = bundled(saved_model, inputs=INPUTS)
        assert huberflow.check(path)["values"].keys() == {"model/prediction", ANSWER}
        assert certificate["proof"]["lacking"] == "no labels"


class TestWithoutRows:
    def test_it_has_source_signatures_and_the_optimizers_state(self, model, saved_model, tmp_path):
        certificate = bundle.assemble(saved_model, None, tmp_path / "bundle", {"commit": "abc"})
        assert [each["class"] for each in certificate["objects"]] == ["HuberLoss"]
        assert certificate["proof"]["statement"] == (
            "Proves only that no file has changed since the export. Does not prove: predictions, "
            "loss, metrics and two training steps (no rows); the answers of serving_default "
            "(no requests)."
        )
        assert huberflow.check(tmp_path / "bundle")["values"] == {}
        expected = reload.resuming.optimizer_variables(model)
        loaded = reload.resuming.optimizer_variables(huberflow.load(tmp_path / "bundle"))
        for found, variable in zip(loaded, expected, strict=True):
            np.testing.assert_array_equal(found.numpy(), variable.numpy())

    def test_requests_prove_the_answers_of_their_signature(self, saved_model, bundled):
        path, certificate = bundled(saved_model, requests={"serving_default": {"x": INPUTS}})
        assert huberflow.check(path)["values"].keys() == {ANSWER}
        assert certificate["proof"]["model"] == "none"


class TestOptimizer:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: "sgd",
            lambda: tf_keras.optimizers.RMSprop(momentum=0.5, centered=True),
            lambda: tf_keras.optimizers.AdamW(
                tf_keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
            ),
            lambda: tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.Adam()),
        ],
        ids=["sgd", "RMSprop", "AdamW-schedule", "loss-scale"],
    )
    def test_goes_on_where_it_stopped(self, make, bundled, tmp_path):
        model = trained(make())
        path, _ = bundled(save(model, tmp_path / "model"), inputs=INPUTS, labels=LABELS)
        expected = reload.resuming.optimizer_variables(model)
        assert int(model.optimizer.iterations) > 0
        for found, variable in zip(optimizer_state(path), expected, strict=True):
            np.testing.assert_array_equal(found, variable.numpy())
        with reload.deterministic_sums():
            steps = reload.measuring.step_losses(model, INPUTS[:256], LABELS[:256])
        np.testing.assert_array_equal(reload.golden(path).values["steps"], steps)

    @pytest.mark.parametrize("kind", ["legacy", "not-saved"])
    def test_of_unknown_state_is_not_said_to_go_on(self, kind, bundled, tmp_path):
        model = trained(tf_keras.optimizers.legacy.Adam() if kind == "legacy" else "adam")
        if kind == "not-saved":
            model.compile("adam", "mse")
        path, certificate = bundled(save(model, tmp_path / "m"), inputs=INPUTS, labels=LABELS)
        assert reload.layout.OPTIMIZER not in certificate["files"]
        assert certificate["proof"]["lacking"] == "no state of the optimizer"
        report = huberflow.check(path)
        assert report["ok"]
        assert "steps" not in report["values"]

    def test_of_a_layer_frozen_after_compile_is_unknown(self, bundled, tmp_path):
        model = tf_keras.Sequential([tf_keras.Input((4,)), *map(tf_keras.layers.Dense, (3, 1))])
        model.compile("adam", "mse")
        model.fit(INPUTS, LABELS, verbose=0)
        model.layers[0].trainable = False
        _, certificate = bundled(save(model, tmp_path / "m"), inputs=INPUTS, labels=LABELS)
        assert certificate["proof"]["lacking"] == "no state of the optimizer"

    def test_goes_on_in_steps_that_an_unknown_class_may_have(self, bundled, tmp_path):
        class Own(tf_keras.Model):
            def train_step(self, data):
                return {"loss": 10 * super().train_step(data)["loss"]}

        inputs = tf_keras.Input((4,))
        model = Own(inputs, tf_keras.layers.Dense(1)(inputs))
        model.compile("adam", "mse")
        model.fit(INPUTS, LABELS, verbose=0)
        _, certificate = bundled(save(model, tmp_path / "m"), inputs=INPUTS, labels=LABELS)
        statement = certificate["proof"]["statement"]
        assert "two training steps (Keras does not find its class Own" in statement


def test_a_subclassed_model_whose_class_nobody_names_is_asked_and_judged(bundled, tmp_path):
    """Keras loads its graph, and says nothing of the inputs."""

    class Tower(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.last = tf_keras.layers.Dense(1)

        def call(self, inputs):
            return self.last(inputs)

    model = Tower()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(INPUTS, LABELS, verbose=0)
    path, certificate = bundled(save(model, tmp_path / "m"), inputs=INPUTS, labels=LABELS)
    proven, _, not_proven = certificate["proof"]["statement"].partition("Does not prove: ")
    assert "predictions, loss, metrics and the answers of serving_default" in proven
    assert "Tower" in not_proven
    assert huberflow.check(path)["ok"]


def test_requests_are_asked_where_the_rows_do_not_fit_the_model(saved_model, bundled):
    requests = {"serving_default": {"x": INPUTS}}
    rows = {"miles": INPUTS[:, :1]}
    _, certificate = bundled(saved_model, inputs=rows, labels=LABELS, requests=requests)
    assert certificate["proof"]["signatures"] == {"serving_default": "exporting process"}
    assert certificate["proof"]["lacking"] == "the rows have no column x"


def test_warmup_requests_of_the_users_own_are_kept(model, bundled, tmp_path):
    saved = save(model, tmp_path / "m")
    own = saved / reload.layout.EXTRA / "tf_serving_warmup_requests"
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(b"mine")
    path, _ = bundled(saved, inputs=INPUTS, labels=LABELS)
    assert (path / reload.layout.EXTRA / own.name).read_bytes() == b"mine"


class TestNoKerasModel:
    @pytest.fixture
    def foreign(self, tmp_path):
        class Twice(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="rows")])
            def __call__(self, rows):
                return {"twice": 2 * rows}

        module = Twice()
        tf.saved_model.save(module, str(tmp_path / "foreign"), signatures=module.__call__)
        return tmp_path / "foreign"

    @pytest.mark.parametrize("given", ["inputs", "requests"])
    def test_its_signatures_are_proven(self, foreign, given, bundled):
        rows = {"inputs": INPUTS} if given == "inputs" else {}
        requests = {} if rows else {"requests": {"serving_default": {"rows": INPUTS}}}
        path, certificate = bundled(foreign, **rows, **requests)
        assert certificate["keras_generation"] is None
        assert "(not saved by Keras 2)" in certificate["proof"]["statement"]
        report = huberflow.check(path)
        assert report["ok"]
        assert report["values"].keys() == {"answers/serving_default/twice"}
        with pytest.raises(reload.ReloadError, match=r"not saved by Keras 2.*Use predictor"):
            huberflow.load(path)

    def test_a_loss_that_is_not_known_here_is_refused(self, bundled, tmp_path):
        class Unknown(tf_keras.losses.Loss):
            def call(self, y_true, y_pred):
                return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)

        saved = save(trained(loss=Unknown()), tmp_path / "model")
        with pytest.raises(InputError) as refused:
            bundled(saved, inputs=INPUTS, labels=LABELS)
        assert refused.value.key == "objects"
        assert "Unknown loss" in refused.value.received

    def test_of_a_table_only_the_inputs_are_kept(self, model, bundled, tmp_path):
        rows = {**dict.fromkeys(model.input_names, INPUTS), "label": LABELS}
        path, _ = bundled(save(model, tmp_path / "model"), inputs=rows)
        assert huberflow.load(path).input_names == list(reload.golden(path).inputs)

    def test_a_table_without_an_input_is_refused(self, model, bundled, tmp_path):
        with pytest.raises(InputError) as refused:
            bundled(save(model, tmp_path / "model"), inputs={"label": LABELS})
        assert refused.value.key == "inputs"


@pytest.fixture(scope="module")
def first(model, tmp_path_factory):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="first")])
    def first_column(first):
        return {"sum": model(tf.stack([first] * 4, axis=1))[:, 0]}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def serving_default(x):
        return {"out": model(x)}

    path = tmp_path_factory.mktemp("first") / "bundle"
    signatures = {"serving_default": serving_default, "first_column": first_column}
    huberflow.save_bundle(model, path, INPUTS, LABELS, signatures=signatures, check=False)
    return path


class TestOfABundle:
    def test_the_golden_values_are_kept(self, first, bundled):
        path, certificate = bundled(first)
        earlier = reload.verify(first)
        for name in ("proof", "tolerances", "golden", "objects", "machine", "source"):
            assert certificate[name] == earlier[name], name
        assert huberflow.check(path)["ok"]

    def test_answers_are_added(self, first, bundled):
        requests = {"first_column": {"first": INPUTS[:, 0]}, "serving_default": {"x": INPUTS[:1]}}
        path, certificate = bundled(first, requests=requests)
        assert certificate["proof"]["signatures"] == {
            "first_column": "exporting process",
            "serving_default": "training process",
        }
        assert len(reload.golden(path).requests["serving_default"]["x"]) == 256
        report = huberflow.check(path)
        assert report["ok"]
        assert "answers/first_column/sum" in report["values"]

    def test_rows_for_one_that_has_none_are_refused(self, saved_model, bundled, tmp_path):
        bundle.assemble(saved_model, None, tmp_path / "none", None)
        with pytest.raises(InputError) as refused:
            bundled(tmp_path / "none", inputs=INPUTS)
        assert refused.value.key == "inputs"

    def test_a_request_for_no_signature_is_refused(self, first, bundled):
        with pytest.raises(InputError) as refused:
            bundled(first, requests={"second_column": {"first": INPUTS[:, 0]}})
        assert refused.value.key == "requests"
