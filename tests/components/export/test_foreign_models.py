"""ServingExport behind a Trainer that is not huberflow's: every kind of model, or a clear word."""

from __future__ import annotations

import json

import foreign_objects
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from foreign_models import (
    COLUMNS,
    examples_artifact,
    fitted,
    inputs,
    model_artifact,
    network,
    parsing,
)
from tfx.types import Channel, standard_artifacts
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils import path_utils

from huberflow import HuberLoss, HuberMetric
from huberflow.components.bundle import clean_process, reload
from huberflow.components.export.serving_export import ServingExport
from huberflow.custom_objects.input_error import InputError

EXPORTING, NONE = "exporting process", "none"
WHOLE = {"model/prediction", "model/loss", "steps"}


def sequential():
    layers = [tf_keras.Input((1,), name="miles"), tf_keras.layers.Dense(1)]
    model = tf_keras.Sequential(layers)
    model.compile("adam", "mse")
    model.fit(COLUMNS["miles"], COLUMNS["fare"], verbose=0)
    return model


def two_outputs():
    hidden = tf_keras.layers.Concatenate()([*(taken := inputs()).values()])
    outputs = [tf_keras.layers.Dense(1, name=name)(hidden) for name in ("fare", "tip")]
    model = tf_keras.Model(taken, outputs)
    model.compile("adam", {"fare": "mse", "tip": HuberLoss(0.5)}, metrics={"tip": "mae"})
    return model


def with_attribute():
    """TFT's layer is attached to the model in this way: a layer that is no part of the network."""
    model = fitted(network(), loss="mse")
    model.tft_layer = tf_keras.Sequential([tf_keras.layers.Rescaling(2.0)])
    model.tft_layer(COLUMNS["miles"])
    return model


KINDS = {
    "functional": (lambda: fitted(network(), loss=HuberLoss(2.0)), "fare", WHOLE),
    "sequential": (sequential, "fare", WHOLE),
    "subclassed": (lambda: fitted(foreign_objects.Scorer(), loss="mse"), "fare", WHOLE),
    "not compiled": (network, "fare", {"model/prediction"}),
    "several outputs": (two_outputs, None, {"model/prediction/[0]", "model/prediction/[1]"}),
    "attached layer": (with_attribute, "fare", WHOLE),
    "metrics": (
        lambda: fitted(network(), loss="mae", metrics=["mse", HuberMetric(0.5)]),
        "fare",
        WHOLE | {"model/mse", "model/huber_metric"},
    ),
    "two classes": (
        lambda: fitted(network(1, "sigmoid"), "tipped", loss="binary_crossentropy"),
        "tipped",
        WHOLE,
    ),
    "three classes": (
        lambda: fitted(network(3, "softmax"), "payment", loss="sparse_categorical_crossentropy"),
        "payment",
        WHOLE,
    ),
    "logits": (
        lambda: fitted(
            network(3),
            "payment",
            loss=tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        ),
        "payment",
        WHOLE,
    ),
    "registered loss": (
        lambda: fitted(network(), loss=foreign_objects.Registered(3.0)),
        "fare",
        WHOLE,
    ),
    "registered function": (
        lambda: fitted(network(), loss=foreign_objects.registered_function),
        "fare",
        WHOLE,
    ),
    "no label": (lambda: fitted(network(), loss=HuberLoss(2.0)), None, {"model/prediction"}),
}


@pytest.fixture
def export(tmp_path):
    """Runs the component on a model of a user's Trainer; the folder of its bundle."""

    def export(model, *, examples=True, where=str(tmp_path), **arguments):
        save = {"signatures": arguments.pop("signatures", None)}
        exported = standard_artifacts.Model()
        exported.uri = f"{where}/exported"
        clean_process.prepare()
        ServingExport.test_call(
            model=model_artifact(f"{where}/model", model, **save),
            exported_model=exported,
            **({"examples": examples_artifact(f"{where}/examples")} if examples else {}),
            **{name: value for name, value in arguments.items() if value is not None},
        )
        assert json.loads(exported.get_string_custom_property("checked"))["ok"]
        return path_utils.serving_model_path(exported.uri)

    return export


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_exported_with_all_that_can_be_proven_of_it(export, kind):
    build, label, proven = KINDS[kind]
    bundle = export(build(), label=label)
    certificate = reload.verify(bundle)
    assert certificate["proof"]["model"] == EXPORTING
    values = reload.golden(bundle).values.keys()
    assert proven <= values
    if label is None:
        assert not values & {"model/loss", "steps"}


def test_golden_labels_are_what_the_model_was_trained_on(export):
    """The loss of the certificate is the model's own, measured here on the same labels."""
    model = fitted(network(), loss=HuberLoss(2.0))
    golden = reload.golden(export(model, label="fare"))
    expected = model.evaluate(golden.inputs, COLUMNS["fare"], batch_size=999, verbose=0)
    np.testing.assert_allclose(golden.values["model/loss"], expected, rtol=1e-6)


def test_steps_go_on_where_the_optimizer_was(export):
    """`load_model` alone starts Adam anew, and its second step differs."""
    model = fitted(network(), loss=HuberLoss(2.0))
    golden = reload.golden(export(model, label="fare"))
    steps = [model.train_on_batch(golden.inputs, COLUMNS["fare"]) for _ in range(2)]
    np.testing.assert_allclose(golden.values["steps"], steps, rtol=1e-6)


def test_a_model_that_was_trained_on_several_devices(export, two_replicas):
    with two_replicas.scope():
        model = fitted(network(), loss=HuberLoss(2.0))
    assert reload.golden(export(model, label="fare")).values.keys() >= WHOLE


def test_without_examples_it_carries_source_hashes_and_the_optimizer(export):
    bundle = export(fitted(network(), loss=foreign_objects.Registered(3.0)), examples=False)
    certificate = reload.verify(bundle)
    assert certificate["proof"]["model"] == NONE
    assert [each["name"] for each in certificate["objects"]] == ["foreign>Registered"]
    model = reload.load(bundle)
    assert model.loss.power == 3.0
    assert model.optimizer.iterations.numpy() == 2


SIGNATURES = {
    "examples": lambda model: {"serving_default": parsing(model)},
    "another argument": lambda model: {"serving_default": parsing(model, "serialized_tf_examples")},
    "shape [batch]": lambda model: {"serving_default": parsing(model, flat=True)},
    "another name": lambda model: {"score": parsing(model, "rows")},
    "columns of any number of values": lambda model: {
        "serving_default": parsing(model, sparse=True)
    },
    "several": lambda model: {"serving_default": parsing(model), "flat": parsing(model, flat=True)},
    "Keras's own": lambda _: None,
}


@pytest.mark.parametrize("signatures", SIGNATURES)
def test_signatures_are_kept_and_asked_by_their_own_names(export, signatures):
    model = fitted(network(), loss="mse")
    given = SIGNATURES[signatures](model)
    bundle = export(model, signatures=given)
    certificate = reload.verify(bundle)
    names = set(given or {"serving_default"})
    assert set(certificate["signatures"]) == names
    assert set(certificate["proof"]["signatures"].values()) == {EXPORTING}
    for name in names:
        predict = reload.predictor(bundle, name)
        (answer,) = predict(**reload.golden(bundle).requests[name]).values()
        expected = model.predict(reload.golden(bundle).inputs, verbose=0)
        np.testing.assert_allclose(answer, expected.reshape(answer.shape), rtol=1e-6)


def test_a_signature_that_takes_something_else_is_named_as_not_proven(export):
    """It parses a column that the examples do not have."""
    model = fitted(network(), loss="mse")
    signatures = {"serving_default": parsing(model), "other": parsing(model)}
    signatures["other"] = needing_another_column(model)
    proof = reload.verify(export(model, signatures=signatures))["proof"]
    assert proof["signatures"] == {"serving_default": EXPORTING, "other": NONE}
    assert "other" in proof["statement"].partition("Does not prove")[2]


def test_a_model_that_does_more_than_compute_is_refused_unless_that_is_allowed(export, tmp_path):
    model = fitted(network(), loss="mse")
    inner = parsing(model)

    @tf.function(input_signature=inner.input_signature)
    def serve(examples):
        tf.io.write_file(str(tmp_path / "traces" / "file"), "written")
        return inner(examples)

    with pytest.raises(InputError) as refused:
        export(model, signatures={"serving_default": serve})
    assert refused.value.key == "allow_ops"
    assert refused.value.received == "WriteFile writes files"
    assert not (tmp_path / "traces").exists(), "it was asked"
    exported = export(model, signatures={"serving_default": serve}, allow_ops="WriteFile")
    assert reload.graph_ops.unsafe_ops(exported) == {"WriteFile": "writes files"}


def needing_another_column(model):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples):
        spec = {"weather": tf.io.FixedLenFeature([1], tf.float32)}
        weather = tf.io.parse_example(examples, spec)["weather"]
        return {"outputs": model({"miles": weather, "minutes": weather})}

    return serve


def test_artifacts_on_a_remote_filesystem(export, tmp_path):
    """TensorFlow's file system in memory: nothing of it can be reached by a path."""
    bundle = export(fitted(network(), loss=HuberLoss(2.0)), label="fare", where="ram://pipeline")
    # File by file: in memory, the listing of `assets` has those of `assets.extra` too.
    certificate = json.loads(tf.io.gfile.GFile(f"{bundle}/{reload.layout.CERTIFICATE}").read())
    for name in (*certificate["files"], reload.layout.CERTIFICATE):
        (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        tf.io.gfile.copy(f"{bundle}/{name}", str(tmp_path / "copy" / name))
    assert reload.check(tmp_path / "copy")["ok"]


class TestRefusals:
    def test_a_loss_that_no_other_process_can_import(self, export):
        model = fitted(network(), loss=lambda y, p: (y - p) ** 2)
        with pytest.raises(InputError) as refused:
            export(model, label="fare")
        assert "lambda" in str(refused.value)

    def test_a_label_that_the_examples_do_not_have(self, export):
        with pytest.raises(InputError) as refused:
            export(fitted(network(), loss="mse"), label="price")
        assert (refused.value.key, refused.value.received) == ("label", "price")

    @pytest.mark.parametrize(
        ("arguments", "key"),
        [
            ({"label": "fare"}, "label"),
            ({"weight": "miles", "examples": Channel(Examples)}, "weight"),
            ({"objects": ["no_such_module"]}, "objects"),
            ({"objects": "my_losses"}, "objects"),
        ],
    )
    def test_what_can_be_refused_before_training(self, arguments, key):
        with pytest.raises(InputError) as refused:
            ServingExport(model=Channel(Model), **arguments)
        assert refused.value.key == key
