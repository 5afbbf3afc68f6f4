"""A bundle of any Keras model, from a plain script."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras
from small_bundles import rewritten

import huberflow
from huberflow.components.bundle import bundle, fit_rows, reload
from huberflow.components.bundle.clean_process import CheckError
from huberflow.custom_objects.input_error import InputError

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(300, 4)).astype(np.float32)
NUMBERS = INPUTS.sum(axis=1, keepdims=True)
CLASSES = np.arange(300) % 3
WHOLE = {
    "model/prediction",
    "model/loss_per_example",
    "model/loss",
    "steps",
    "answers/serving_default/out",
}


def dense(units=1, activation=None, name="out"):
    inputs = tf_keras.Input((4,), name="x")
    return tf_keras.Model(inputs, tf_keras.layers.Dense(units, activation, name=name)(inputs))


def fitted(model, *rows, loss="mse", **compiled):
    model.compile("adam", loss, **compiled)
    model.fit(*rows, verbose=0)
    return model


@pytest.fixture(scope="module")
def model():
    return fitted(dense(), INPUTS, NUMBERS, loss=huberflow.HuberLoss(2.0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bundle"


def failing(report):
    return {name: each for name, each in report["values"].items() if not each["ok"]}


def checked(model, path, *rows, **arguments):
    """The names of the values that the bundle has and keeps."""
    huberflow.save_bundle(model, path, *rows, **arguments, check=False)
    report = huberflow.check(path)
    assert report["precision"] == "same_machine"
    assert not failing(report)
    return set(report["values"])


def dataset(*columns):
    return tf.data.Dataset.from_tensor_slices(columns).batch(100)


class TestRows:
    @pytest.mark.parametrize(
        "rows",
        [
            (INPUTS, NUMBERS),
            (tf.constant(INPUTS), tf.constant(NUMBERS)),
            (INPUTS.tolist(), NUMBERS.tolist()),
            ({"x": INPUTS}, {"out": NUMBERS}),
            ([INPUTS], [NUMBERS]),
            (pd.DataFrame(INPUTS), pd.Series(NUMBERS[:, 0])),
            (dataset(INPUTS, NUMBERS),),
            (dataset({"x": INPUTS}, NUMBERS),),
        ],
        ids=["arrays", "tensors", "lists", "dicts", "lists-of-arrays", "pandas", "tf.data", "dict"],
    )
    def test_are_those_that_fit_takes(self, model, rows, path):
        assert checked(model, path, *rows) == WHOLE
        golden = reload.golden(path)
        (inputs,), (labels,) = tf.nest.flatten(golden.inputs), tf.nest.flatten(golden.labels)
        np.testing.assert_allclose(inputs, INPUTS[:256])
        np.testing.assert_allclose(labels, NUMBERS[:256])

    @pytest.mark.parametrize("as_dataset", [False, True])
    def test_count_by_their_weights(self, model, as_dataset, path):
        weights = np.linspace(0, 5, 300).astype(np.float32)
        rows = (INPUTS, NUMBERS, weights)
        checked(model, path, *([dataset(*rows)] if as_dataset else rows))
        golden = reload.golden(path)
        np.testing.assert_array_equal(golden.sample_weight, weights[:256])
        expected = np.mean(weights[:256] * golden.values["model/loss_per_example"])
        assert golden.values["model/loss"] == pytest.approx(expected, rel=1e-5)

    def test_without_labels_prove_predictions_alone(self, model, path):
        assert checked(model, path, INPUTS) == {"model/prediction", "answers/serving_default/out"}
        statement = reload.verify(path)["proof"]["statement"]
        assert "Does not prove: loss, metrics and two training steps (no labels)" in statement

    @pytest.mark.parametrize(
        ("rows", "key"),
        [
            ((tf.ragged.constant([[1.0], [1.0, 2.0]]), NUMBERS), "inputs"),
            ((INPUTS, tf.sparse.from_dense(NUMBERS)), "labels"),
            ((INPUTS, NUMBERS[:7]), "inputs"),
            ((INPUTS, [NUMBERS, None]), "labels[1]"),
            ((dataset(INPUTS, NUMBERS), NUMBERS), "labels"),
            ((dataset(INPUTS, NUMBERS).take(0),), "inputs"),
            ((iter(INPUTS), NUMBERS), "inputs"),
            (([object()], NUMBERS), "inputs[0]"),
        ],
        ids=["ragged", "sparse", "fewer", "none", "twice", "empty", "iterator", "object"],
    )
    def test_that_cannot_be_kept_are_refused(self, model, rows, key, path):
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(model, path, *rows, check=False)
        assert refused.value.key == key
        assert list(path.parent.iterdir()) == []

    def test_of_text_are_kept_to_the_last_byte(self, path):
        words = np.array([b"a\0", b"", "Größe".encode(), b"a"] * 4, object)
        inputs = tf_keras.Input((), dtype=tf.string, name="word")
        hashed = tf_keras.layers.Hashing(8, output_mode="one_hot")(inputs)
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(hashed))
        checked(fitted(model, words, np.arange(16.0)), path, words, np.arange(16.0))
        assert reload.golden(path).inputs.tolist() == words.tolist()

    @pytest.mark.parametrize("kind", [list, tuple, tf.constant])
    def test_of_text_keep_a_last_byte_of_0_in_every_container(self, kind):
        """Serialized examples end in one where a number's last byte is 0."""
        words = [b"a\0", b"bc\0\0", b""]
        assert fit_rows.as_array("inputs", kind(words)).tolist() == words

    def test_and_labels_are_as_many_before_they_are_cut(self, model, path):
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(model, path, INPUTS, NUMBERS[:280], check=False)
        assert refused.value.received == "300 inputs, 280 labels"

    @pytest.mark.parametrize("side", [8, 2000])
    def test_of_images_are_few_enough_for_a_small_file(self, side, path):
        """An image of 2000 x 2000 alone takes 16 MB; two rows show a difference between rows."""
        images = np.broadcast_to(np.float32(0.5), (256, side, side, 1))
        inputs = tf_keras.Input((side, side, 1), name="x")
        pooled = tf_keras.layers.GlobalAveragePooling2D()(inputs)
        model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="out")(pooled))
        huberflow.save_bundle(model, path, images, check=False)
        assert len(reload.golden(path).inputs) == (256 if side == 8 else 2)


class TestPath:
    def test_that_is_the_folder_that_one_is_in_is_refused(self, model, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileExistsError, match="the one that you are in"):
            huberflow.save_bundle(model, ".", INPUTS, check=False)
        assert list(tmp_path.iterdir()) == []


class TestModels:
    def test_that_are_not_compiled_have_predictions_alone(self, path):
        assert checked(dense(), path, INPUTS, NUMBERS) == {
            "model/prediction",
            "answers/serving_default/out",
        }
        assert "(not compiled)" in reload.verify(path)["proof"]["statement"]

    @pytest.mark.parametrize("as_dict", [False, True])
    def test_of_several_outputs_have_a_value_for_each(self, as_dict, path):
        inputs = tf_keras.Input((4,))
        a = tf_keras.layers.Dense(1, name="a")(inputs)
        b = tf_keras.layers.Dense(3, "softmax", name="b")(inputs)
        losses = {"a": "mse", "b": "sparse_categorical_crossentropy"}
        labels = {"a": NUMBERS, "b": CLASSES}
        model = tf_keras.Model(inputs, {"a": a, "b": b} if as_dict else [a, b])
        labels, losses = (each if as_dict else [*each.values()] for each in (labels, losses))
        fitted(model, INPUTS, labels, loss=losses)
        names = ("a", "b") if as_dict else ("[0]", "[1]")
        assert checked(model, path, INPUTS, labels) == {
            *(f"model/prediction/{name}" for name in names),
            *("model/loss", "model/a_loss", "model/b_loss", "steps"),
            *("answers/serving_default/a", "answers/serving_default/b"),
        }

    @pytest.mark.parametrize("trainable", [True, False])
    def test_of_several_outputs_by_name_keep_their_metrics(self, trainable, path):
        inputs = tf_keras.Input((4,))
        outputs = {"b": tf_keras.layers.Dense(1)(inputs), "a": tf_keras.layers.Dense(1)(inputs)}
        model = tf_keras.Model(inputs, outputs)
        rows = INPUTS, {"a": NUMBERS, "b": -NUMBERS}
        metrics = {"b": ["mae", tf_keras.metrics.RootMeanSquaredError()]}
        fitted(model, *rows, metrics=metrics, weighted_metrics={"a": ["mae"]})
        huberflow.save_bundle(model, path, *rows, check=False)
        reloaded = huberflow.load(path, trainable=trainable)
        expected = model.evaluate(*rows, verbose=0, return_dict=True)
        assert reloaded.evaluate(*rows, verbose=0, return_dict=True) == pytest.approx(expected)

    def test_with_a_setting_that_keras_does_not_save_do_not_prove_training_steps(self, path):
        layers = [
            tf_keras.layers.BatchNormalization(synchronized=True, name="bn"),
            tf_keras.layers.Dense(1, name="out"),
        ]
        model = fitted(tf_keras.Sequential(layers), INPUTS, NUMBERS)
        assert checked(model, path, INPUTS, NUMBERS) == WHOLE - {"steps"}
        statement = reload.verify(path)["proof"]["statement"]
        assert "two training steps (Keras does not save synchronized=True of bn)" in statement

    def test_that_add_their_whole_loss_need_no_labels(self, path):
        inputs = tf_keras.Input((4,))
        decoded = tf_keras.layers.Dense(4, name="out")(tf_keras.layers.Dense(2)(inputs))
        model = tf_keras.Model(inputs, decoded)
        model.add_loss(tf.reduce_mean(tf.square(decoded - inputs)))
        model.compile("adam")
        assert checked(model, path, INPUTS) == WHOLE - {"model/loss_per_example"}

    def test_of_several_inputs(self, path):
        a, b = tf_keras.Input((4,), name="a"), tf_keras.Input((4,), name="b")
        model = tf_keras.Model([a, b], tf_keras.layers.Dense(1, name="out")(a + b))
        rows = [INPUTS, 2 * INPUTS]
        assert checked(fitted(model, rows, NUMBERS), path, rows, NUMBERS) == WHOLE

    def test_that_are_sequential_and_were_never_called(self, path):
        model = tf_keras.Sequential([tf_keras.layers.Dense(1, name="out")])
        model.compile("sgd", "mse")
        assert checked(model, path, INPUTS, NUMBERS) == WHOLE

    @pytest.mark.parametrize(
        ("units", "activation", "loss", "labels"),
        [
            (1, "sigmoid", "binary_crossentropy", CLASSES > 1),
            (3, "softmax", "sparse_categorical_crossentropy", CLASSES),
            (3, None, tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES),
            (3, "sigmoid", "binary_crossentropy", np.eye(3)[CLASSES]),
        ],
        ids=["binary", "multi-class", "logits", "multi-label"],
    )
    def test_of_classes_may_be_some_roundings_off_elsewhere(
        self, units, activation, loss, labels, path
    ):
        model = fitted(dense(units, activation), INPUTS, labels, loss=loss, metrics=["accuracy"])
        assert checked(model, path, INPUTS, labels) == {*WHOLE, "model/accuracy"}
        tolerances = reload.verify(path)["tolerances"]["float32"]
        assert all(0 < allowed < 5e-3 for allowed in tolerances.values()), tolerances

    def test_of_a_class_that_is_not_registered_keep_their_graph(self, path):
        """Keras makes up a class when it loads one, which takes only what was traced."""

        class Subclassed(tf_keras.Model):
            def __init__(self):
                super().__init__()
                self.out = tf_keras.layers.Dense(1)

            def call(self, rows):
                return self.out(rows)

        model, rows = Subclassed(), INPUTS.astype(np.float64)
        found = checked(fitted(model, rows, NUMBERS), path, rows, NUMBERS)
        assert found == WHOLE - {"answers/serving_default/out"} | {
            "answers/serving_default/output_1"
        }

    @pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "mixed_float16"])
    def test_of_less_precision_may_be_some_of_its_roundings_off_elsewhere(self, dtype, path):
        inner = tf_keras.Sequential([tf_keras.layers.Dense(3, dtype=dtype)])
        inputs = tf_keras.Input((4,), name="x")
        model = fitted(tf_keras.Model(inputs, inner(inputs)), INPUTS, NUMBERS)
        checked(model, path, INPUTS, NUMBERS)
        rewritten(path, machine={**reload.verify(path)["machine"], "threads": 999})
        report = huberflow.check(path)
        assert report["ok"]
        assert report["precision"] == f"mixed_{dtype.removeprefix('mixed_')}"
        largest = float(np.abs(reload.golden(path).values["model/prediction"]).max())
        share = {"mixed_float16": 0.01}.get(dtype, 0.05)
        assert report["values"]["model/prediction"]["allowed"] == pytest.approx(share * largest)

    def test_of_a_subclass_that_takes_a_list_are_asked_with_it(self, path):
        """Keras makes up names for its inputs."""
        linear, deep = tf_keras.experimental.LinearModel(1), dense()
        model, rows = tf_keras.experimental.WideDeepModel(linear, deep), [INPUTS, 2 * INPUTS]
        found = checked(fitted(model, rows, NUMBERS), path, rows, NUMBERS)
        assert "answers/serving_default/output_1" in found

    @pytest.mark.parametrize("kind", [list, tuple])
    def test_of_a_class_of_ones_own_that_takes_several_inputs(self, kind, path):
        """Not registered, so that the reload has its graph, which takes what Keras trained with."""

        class Sum(tf_keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden, self.out = tf_keras.layers.Dense(4), tf_keras.layers.Dense(1)

            def call(self, rows):
                first, second = rows
                return self.out(self.hidden(first) + second)  # TensorFlow would fuse the two sums

        rows = kind((INPUTS, 2 * INPUTS))
        checked(fitted(Sum(), rows, NUMBERS), path, rows, NUMBERS)

    def test_of_another_keras_are_refused_in_words(self, path):
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(object(), path, INPUTS)
        assert (refused.value.key, refused.value.received) == ("model", "builtins.object")


def test_a_vocabulary_that_was_learned_travels(path):
    words = np.array([["cash"], ["card"]] * 20, object)
    lookup = tf_keras.layers.StringLookup(output_mode="one_hot")
    lookup.adapt(words)
    inputs = tf_keras.Input((1,), name="x", dtype="string")
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="out")(lookup(inputs)))
    labels = np.arange(40, dtype=np.float32)[:, np.newaxis]
    fitted(model, tf.constant(words, tf.string), labels)
    assert checked(model, path, tf.constant(words, tf.string), labels) == WHOLE


AGAIN = """
import sys
import numpy as np
import huberflow

old, new = sys.argv[1:]
model = huberflow.load(old)
x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
model.fit(x, y, verbose=0)
huberflow.save_bundle(model, new, x, y, check=False)
assert huberflow.check(new)["ok"]
print(huberflow.load(new).loss.threshold)
"""


def test_a_loaded_model_is_trained_on_and_bundled_again_in_a_fresh_process(model, tmp_path):
    """There, only the bundle's own copy of the loss has been imported."""
    huberflow.save_bundle(model, tmp_path / "old", INPUTS, NUMBERS, check=False)
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "old"), str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["2.0"], done.stderr


class TestSignatures:
    @pytest.fixture
    def signatures(self, model):
        """As in TFX's tutorials, and one with outputs of other shapes and types."""

        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.string, name="serialized_tf_examples")]
        )
        def serve(serialized):
            spec = {"x": tf.io.FixedLenFeature([4], tf.float32)}
            return {"outputs": model(tf.io.parse_example(serialized, spec)["x"])}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="rows")])
        def several(rows):
            value = model(rows)
            return {"flat": value[:, 0], "place": tf.argmax(rows, 1), "text": tf.as_string(value)}

        return {"serving_default": serve, "several": several}

    @pytest.fixture
    def examples(self):
        def example(row):
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=row))
            return tf.train.Example(features=tf.train.Features(feature={"x": feature}))

        return [example(row).SerializeToString() for row in INPUTS[:9]]

    def test_are_asked_by_their_own_names_and_kept(self, model, signatures, examples, path):
        requests = {"serving_default": {"serialized_tf_examples": examples}}
        rows = (INPUTS, NUMBERS)
        found = checked(model, path, *rows, signatures=signatures, requests=requests)
        assert found == WHOLE - {"answers/serving_default/out"} | {
            "answers/serving_default/outputs",
            "answers/several/flat",
            "answers/several/place",
            "answers/several/text",
        }
        golden = reload.golden(path)
        assert golden.requests["serving_default"]["serialized_tf_examples"].tolist() == examples
        assert golden.values["answers/serving_default/outputs"].shape == (9, 1)
        served = huberflow.predictor(path)(serialized_tf_examples=examples)["outputs"]
        np.testing.assert_allclose(served, golden.values["model/prediction"][:9], rtol=1e-6)

    def test_may_take_other_things_than_rows(self, model, path):
        @tf.function(
            input_signature=[
                tf.TensorSpec([], tf.string, name="unit"),
                tf.TensorSpec([300], tf.float64, name="scale"),
            ]
        )
        def converted(unit, scale):
            return {
                "size": tf.size(scale),
                "unit": tf.strings.upper(unit),
                "sum": tf.reduce_sum(scale),
            }

        request = {"unit": "miles", "scale": np.arange(300)}
        checked(
            model,
            path,
            INPUTS,
            signatures={"converted": converted},
            requests={"converted": request},
        )
        values = reload.golden(path).values
        assert values["answers/converted/size"] == 300
        assert values["answers/converted/unit"].item() == b"MILES"

    def test_without_requests_are_listed_as_not_proven(self, model, signatures, path):
        certificate = huberflow.save_bundle(
            model, path, INPUTS, NUMBERS, signatures=signatures, check=False
        )
        assert certificate["proof"]["signatures"] == {
            "serving_default": "none",
            "several": "training process",
        }
        assert "the answers of serving_default (no requests)" in certificate["proof"]["statement"]

    @pytest.mark.parametrize(
        ("requests", "key"),
        [
            ({"raw": {}}, "requests"),
            ({"several": {"x": INPUTS}}, "requests['several']"),
            ({"several": {"rows": INPUTS[:, :2]}}, "requests['several']['rows']"),
            ({"several": {"rows": INPUTS.astype(str)}}, "requests['several']['rows']"),
        ],
    )
    def test_requests_that_do_not_fit_are_refused(self, model, signatures, requests, key, path):
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(
                model, path, INPUTS, signatures=signatures, requests=requests, check=False
            )
        assert refused.value.key == key

    def test_an_answer_of_another_shape_is_said_to_be_so(self, model, path):
        huberflow.save_bundle(model, path, INPUTS, NUMBERS, check=False)
        arrays = reload.arrays.read_arrays(path / reload.layout.GOLDEN_VALUES)
        name = "answers/serving_default/out"
        wrong = reload.comparing.difference_of(arrays[name], arrays[name][:, 0], 1e9)
        assert not wrong["ok"]
        assert reload.comparing.in_words(name, wrong) == (
            f"{name}: shape: expected [256], received [256, 1]"
        )


class TestFolder:
    def test_the_lineage_is_any_json(self, model, path):
        certificate = huberflow.save_bundle(
            model, path, INPUTS, lineage={"run": [1, None]}, check=False
        )
        assert certificate["lineage"] == {"run": [1, None]}
        assert json.loads((path / reload.layout.CERTIFICATE).read_text()) == certificate

    def test_with_files_is_not_written_over(self, model, tmp_path):
        (tmp_path / "mine").touch()
        with pytest.raises(FileExistsError, match="expected a new folder"):
            huberflow.save_bundle(model, tmp_path, INPUTS)
        assert [file.name for file in tmp_path.iterdir()] == ["mine"]

    @pytest.mark.parametrize("kind", ["file", "link"])
    def test_may_be_nothing_else(self, model, kind, path):
        path.touch() if kind == "file" else path.symlink_to(path.parent)
        with pytest.raises(FileExistsError, match=r"os.remove\("):
            huberflow.save_bundle(model, path, INPUTS)

    def test_is_one_of_this_machine(self, model, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        huberflow.save_bundle(model, "~/mine", INPUTS, check=False)
        assert (tmp_path / "mine" / reload.layout.CERTIFICATE).exists()
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(model, "gs://bucket/mine", INPUTS)
        assert refused.value.key == "path"

    @pytest.mark.parametrize("number", [np.float32(1), float("nan")])
    def test_has_a_lineage_that_json_holds(self, model, number, path):
        with pytest.raises(InputError) as refused:
            huberflow.save_bundle(model, path, INPUTS, lineage={"rate": number})
        assert refused.value.key == "lineage"


class TestCheck:
    """In a clean process, before the bundle appears."""

    def test_is_the_default(self, model, path):
        huberflow.save_bundle(model, path, INPUTS, NUMBERS)
        assert huberflow.check(path)["ok"]

    def test_of_another_model_leaves_nothing(self, path, monkeypatch):
        def capture_before_the_last_step(model, *rows, **arguments):
            capture(model, *rows, **arguments)
            model.layers[-1].bias.assign([7.0])

        capture = bundle.capture
        monkeypatch.setattr(bundle, "capture", capture_before_the_last_step)
        model = fitted(dense(), INPUTS, NUMBERS)
        with pytest.raises(CheckError, match="not the one that was trained") as refused:
            huberflow.save_bundle(model, path, INPUTS, NUMBERS)
        assert len(str(refused.value).splitlines()) == 1
        assert list(path.parent.iterdir()) == []
