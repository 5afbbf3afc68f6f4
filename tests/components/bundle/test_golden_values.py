"""Which golden values are taken, and that a model is the same after it was asked."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from random_layers import OfNumPy

from huberflow.components.bundle import bundle, golden, reload
from huberflow.components.bundle.captured import read_fields
from huberflow.custom_objects.input_error import InputError

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(300, 4)).astype(np.float32)
LABELS = INPUTS.sum(axis=1, keepdims=True)


def fitted(*layers, rows=INPUTS, labels=LABELS, loss="mse", batch=None, **compiled):
    model = tf_keras.Sequential([tf_keras.Input(rows.shape[1:], batch), *layers])
    model.add(tf_keras.layers.Dense(1, name="out"))
    model.compile("adam", loss, **compiled)
    model.fit(rows, labels, batch_size=batch, verbose=0)
    return model


@pytest.fixture
def captured(tmp_path):
    """A function that captures a model; returns the golden values and what is lacking."""

    def capture(model, *rows, **arguments):
        bundle.capture(model, tmp_path / "captured", *rows, **arguments)
        values = reload.arrays.read_arrays(tmp_path / "captured" / "golden.npz")
        return values, read_fields(tmp_path / "captured")["lacking"]

    return capture


def with_nan(array, *rows):
    array = array.copy()
    array[rows or slice(None)] = np.nan
    return array


class TestRefused:
    @pytest.mark.parametrize(
        ("rows", "key", "received"),
        [
            ((with_nan(INPUTS, 3), LABELS), "inputs", "model/prediction nan for row 3"),
            ((with_nan(INPUTS, 3),), "inputs", "model/prediction nan for row 3"),
            ((INPUTS, with_nan(LABELS, 5)), "labels", "model/loss_per_example nan for row 5"),
            ((INPUTS, LABELS * 1e30), "labels", "model/loss_per_example inf for row 0"),
            ((INPUTS, LABELS, np.zeros(300)), "sample_weight", "0 for each row"),
            (({0: INPUTS}, LABELS), "inputs", "0"),
        ],
        ids=["NaN", "NaN-without-labels", "NaN-label", "infinite", "weights", "keys"],
    )
    def test_rows_that_prove_nothing(self, rows, key, received, captured):
        with pytest.raises(InputError) as refused:
            captured(fitted(), *rows)
        assert (refused.value.key, refused.value.received) == (key, received)

    @pytest.mark.parametrize("name", ["prediction", "loss_per_example", "loss"])
    def test_a_metric_of_another_values_name(self, name, captured):
        model = fitted(metrics=[tf_keras.metrics.MeanAbsoluteError(name=name)])
        with pytest.raises(InputError) as refused:
            captured(model, INPUTS, LABELS)
        assert (refused.value.key, refused.value.received) == ("metrics", name)

    def test_a_request_that_a_signature_does_not_answer(self, parsing, captured):
        *rows, signatures = parsing
        requests = {"serving_default": {"examples": np.array([b"text"], object)}}
        with pytest.raises(InputError) as refused:
            captured(*rows, signatures=signatures, requests=requests)
        assert refused.value.key == "requests['serving_default']"
        assert len(str(refused.value).splitlines()) == 1

    def test_fewer_rows_than_the_model_takes_at_once(self, captured):
        with pytest.raises(InputError) as refused:
            captured(fitted(batch=30), INPUTS[:7], LABELS[:7])
        assert refused.value.key == "inputs"

    def test_a_loss_that_does_not_say_what_it_is_made_with(self, captured):
        model = fitted(loss=functools.partial(tf_keras.losses.huber, delta=3.0))
        with pytest.raises(InputError, match="get_config") as refused:
            captured(model, INPUTS, LABELS)
        assert len(str(refused.value).splitlines()) == 1

    @pytest.mark.parametrize("kind", ["functional", "subclassed"])
    def test_a_class_with_its_own_step_that_does_not_travel(self, kind, captured):
        class Own(tf_keras.Model):
            def train_step(self, data):
                return {"loss": 10 * super().train_step(data)["loss"]}

        class Subclassed(Own):
            def __init__(self):
                super().__init__()
                self.out = tf_keras.layers.Dense(1)

            def call(self, rows):
                return self.out(rows)

        inputs = tf_keras.Input((4,))
        functional = kind == "functional"
        model = Own(inputs, tf_keras.layers.Dense(1)(inputs)) if functional else Subclassed()
        model.compile("adam", "mse")
        model.fit(INPUTS, LABELS, verbose=0)
        with pytest.raises(InputError, match="own train_step") as refused:
            captured(model, INPUTS, LABELS)
        assert refused.value.key == "model"


@pytest.fixture
def parsing():
    """A model of text whose signature takes serialized examples, its rows, and the signature."""
    words = np.array([["cash"], ["card"]] * 20, object)
    inputs = tf_keras.Input((1,), dtype=tf.string, name="word")
    hashed = tf_keras.layers.Hashing(4, output_mode="one_hot")(inputs)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(hashed))
    model.compile("adam", "mse")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples):
        spec = {"word": tf.io.FixedLenFeature([1], tf.string)}
        return {"out": model(tf.io.parse_example(examples, spec)["word"])}

    return model, words, np.arange(40.0)[:, np.newaxis], {"serving_default": serve}


class TestTaken:
    def test_no_request_is_made_of_text_that_is_none(self, parsing, tmp_path):
        *rows, signatures = parsing
        bundle.capture(rows[0], tmp_path / "c", *rows[1:], signatures=signatures)
        assert read_fields(tmp_path / "c")["signatures"] == {}

    def test_rows_are_as_many_as_the_model_takes_at_once(self, captured):
        values, _ = captured(fitted(batch=30), INPUTS, LABELS)
        assert values["inputs"].shape == (30, 4)

    def test_steps_that_depend_on_what_no_seed_reaches_are_left_out(self, captured):
        values, lacking = captured(fitted(OfNumPy()), INPUTS, LABELS)
        assert "steps" not in values
        assert "model/loss" in values
        assert lacking == "they differ each time, whatever the seed"

    @pytest.mark.parametrize("compiled", [{"steps_per_execution": 4}, {"jit_compile": True}])
    def test_as_a_reload_computes_them(self, compiled, captured):
        """It knows of no XLA, and of no steps at a time."""
        model = fitted(tf_keras.layers.Dense(3, "relu"), **compiled)
        values, _ = captured(model, INPUTS, LABELS)
        assert (model.jit_compile or False) == compiled.get("jit_compile", False)
        assert int(model.steps_per_execution.numpy()) == compiled.get("steps_per_execution", 1)
        plain = tf_keras.models.clone_model(model)
        plain.set_weights(model.get_weights())
        np.testing.assert_array_equal(
            plain.predict_on_batch(values["inputs"]), values["model/prediction"]
        )
        model.fit(INPUTS, LABELS, verbose=0)


def test_every_variable_is_as_it_was():
    """Also that of a layer that counts its calls, and of a second optimizer."""

    class Counts(tf_keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.count = tf.Variable(0, trainable=False)
            self.second = tf_keras.optimizers.Adam()

        def call(self, rows):
            self.count.assign_add(1)
            self.second.iterations.assign_add(1)
            return rows

    counts = Counts()
    model = fitted(counts)
    before = counts.count.numpy(), counts.second.iterations.numpy()
    with golden.unchanged(model):
        model.predict_on_batch(INPUTS)
        assert counts.count.numpy() > before[0]
    assert (counts.count.numpy(), counts.second.iterations.numpy()) == before
