"""What a bundle holds, and how it is written."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import random_layers
import tensorflow as tf
import tf_keras
from replicated_models import Halved, OfAnArgument, Tripled, own_loss
from small_bundles import (
    PLAIN,
    Transform,
    bundled,
    captured,
    examples,
    parsed,
    trained,
)
from tensorflow_serving.apis import prediction_log_pb2

import huberflow
from huberflow.components.bundle import bundle, reload
from huberflow.components.training.model import build_model
from huberflow.custom_objects import losses
from huberflow.custom_objects.input_error import InputError


@pytest.fixture(scope="module")
def model():
    return trained()


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    return bundled(model, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def certificate(path):
    return json.loads((path / reload.layout.CERTIFICATE).read_text())


def state(model):
    variables = [*model.variables, *reload.resuming.optimizer_variables(model)]
    return [variable.numpy().tobytes() for variable in variables]


class TestCertificate:
    def test_names_every_custom_object_of_the_model_and_its_compile_arguments(self, certificate):
        assert {entry["class"] for entry in certificate["objects"]} == {
            "AbsoluteErrorQuantile",
            "ActivityRegularizationLayer",
            "GlorotNormalInitializer",
            "HuberLoss",
            "HuberMetric",
            "L1Regularizer",
            "MetricLoggingLayer",
            "PositiveWeights",
            "softplus",
        }

    def test_tells_name_config_and_source_of_each(self, certificate):
        (loss,) = (entry for entry in certificate["objects"] if entry["class"] == "HuberLoss")
        assert loss == {
            "name": "custom_objects>HuberLoss",
            "module": "huberflow.custom_objects.losses",
            "class": "HuberLoss",
            "config": {"name": "huber_loss", "reduction": "auto", "threshold": 2.0},
            "file": "huberflow/custom_objects/losses.py",
            "sha256": hashlib.sha256(Path(losses.__file__).read_bytes()).hexdigest(),
        }

    def test_holds_the_hash_of_every_other_file(self, path, certificate):
        files = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        assert set(certificate["files"]) == files - {reload.layout.CERTIFICATE}
        assert {"saved_model.pb", "assets.extra/reload.py"} <= files

    def test_tells_what_the_signatures_take_and_give(self, certificate):
        answer = {"prediction": {"dtype": "float32", "shape": [None]}}
        assert certificate["signatures"] == {
            "serving_default": {
                "inputs": {"examples": {"dtype": "string", "shape": [None]}},
                "outputs": answer,
            },
            "columns": {
                "inputs": {
                    "miles": {"dtype": "float64", "shape": [None]},
                    "company": {"dtype": "string", "shape": [None]},
                },
                "outputs": answer,
            },
        }

    def test_tells_where_the_model_comes_from(self, certificate):
        assert certificate["lineage"] == {"commit": "abc123"}
        assert certificate["training"] == {"epochs": 2}
        assert certificate["versions"]["tf_keras"] == tf_keras.__version__

    def test_allows_nothing_here_and_more_with_less_precision(self, certificate):
        tolerances = certificate["tolerances"]
        assert tolerances["same_machine"] == 0
        finer, coarser = tolerances["float32"], tolerances["tf32"]
        assert set(finer) == set(coarser)
        assert all(0 < finer[name] < coarser[name] for name in finer)


class TestCapture:
    def test_leaves_the_model_as_it_is(self, tmp_path):
        """What it says of labels of the same rank, too: Keras could trace it anew for any rank."""
        model = trained()
        before, evaluated = state(model), model.evaluate(*parsed(), verbose=0)
        captured(model, tmp_path / "captured")
        assert state(model) == before
        assert model.evaluate(*parsed(), verbose=0) == evaluated

    def test_asks_each_signature_by_its_own_names(self, path):
        golden = reload.golden(path)
        assert golden.requests["serving_default"]["examples"].tolist() == examples()
        assert golden.requests["columns"].keys() == {"miles", "company"}
        for name in ("serving_default", "columns"):
            answer = golden.values[f"answers/{name}/prediction"]
            np.testing.assert_allclose(answer, golden.values["model/prediction"][:, 0], rtol=1e-6)

    def test_rows_are_those_of_training(self, path):
        golden, (inputs, labels) = reload.golden(path), parsed()
        np.testing.assert_array_equal(golden.labels, labels)
        assert golden.inputs.keys() == inputs.keys()
        for name, values in inputs.items():
            np.testing.assert_array_equal(golden.inputs[name], values)

    def test_a_module_of_the_users_own_travels_with_its_package(
        self, own_registry, tmp_path, monkeypatch
    ):
        package = tmp_path / "taxi_objects"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "factors.py").write_text("TWICE = 2.0\n")
        (package / "fares.py").write_text(
            "import tf_keras\n"
            "from huberflow.custom_objects.registry import register\n"
            "from taxi_objects.factors import TWICE\n"
            "@register\n"
            "class FareLoss(tf_keras.losses.Loss):\n"
            "    def call(self, y_true, y_pred):\n"
            "        return TWICE * tf_keras.losses.mean_absolute_error(y_true, y_pred)\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        from taxi_objects.fares import FareLoss

        model = build_model(PLAIN, numbers=2, categories=1, table_rows=5)
        model.compile("sgd", loss=FareLoss())
        model.transform = Transform()
        path = bundled(model, tmp_path)
        monkeypatch.undo()
        for name in ["taxi_objects", "taxi_objects.fares", "taxi_objects.factors"]:
            del sys.modules[name]
        assert reload.check(path)["ok"]
        assert "taxi_objects" not in sys.modules

    def test_a_class_that_no_module_holds_is_refused(self, own_registry, tmp_path):
        class Hidden(tf_keras.losses.Loss):
            def call(self, y_true, y_pred):
                return tf.reduce_mean(y_true - y_pred, axis=-1)

        tf_keras.utils.register_keras_serializable("mine")(Hidden)
        hidden = trained()
        hidden.compile("sgd", loss=Hidden())
        with pytest.raises(InputError) as caught:
            captured(hidden, tmp_path / "captured")
        assert caught.value.key == "mine>Hidden"

    def test_a_model_trained_on_several_devices_is_checked_as_on_one(self, two_replicas, tmp_path):
        model = trained(strategy=two_replicas)
        assert model.distribute_strategy.num_replicas_in_sync == 2
        assert reload.check(bundled(model, tmp_path))["ok"]

    @pytest.mark.parametrize(
        "make", [random_layers.Subclassed, Halved, lambda: Tripled([tf_keras.layers.Dense(1)])]
    )
    def test_so_is_one_of_a_users_own_class(self, make, two_replicas, tmp_path):
        inputs, labels = np.float32([[1, 2], [3, 4]]), np.float32([[1], [2]])
        with two_replicas.scope():
            model = make()
            model.compile("adam", own_loss)
        model.fit(inputs, labels, verbose=0)
        huberflow.save_bundle(model, tmp_path / "b", inputs, labels, check=False)
        assert reload.check(tmp_path / "b")["ok"]
        assert "steps" in reload.golden(tmp_path / "b").values

    def test_one_that_cannot_be_made_for_one_device_is_refused_in_words(
        self, two_replicas, tmp_path
    ):
        with two_replicas.scope():
            model = OfAnArgument(tf_keras.layers.Dense(3))
            model.compile("adam", "mse")
        rows = np.float32([[1, 2], [3, 4]])
        model.fit(rows, rows[:, :1], verbose=0)
        with pytest.raises(InputError, match="OfAnArgument") as refused:
            huberflow.save_bundle(model, tmp_path / "b", rows, rows[:, :1], check=False)
        assert "def get_config" in refused.value.write


class TestAssemble:
    def test_what_breaks_off_leaves_no_bundle(self, path, tmp_path):
        out = tmp_path / "serving" / "1"
        with pytest.raises(FileNotFoundError):
            bundle.assemble(tmp_path / "exported", path.with_name("captured"), out, {})
        assert not out.exists()

    def test_what_broke_off_is_no_hindrance(self, path, tmp_path):
        left = tmp_path / ".1.unfinished"
        left.mkdir()
        (left / "variables").write_text("half")
        exported, captured = path.with_name("exported"), path.with_name("captured")
        bundle.assemble(exported, captured, tmp_path / "1", {})
        assert not left.exists()
        assert reload.verify(tmp_path / "1")

    def test_does_not_write_over_a_bundle(self, path, tmp_path):
        with pytest.raises(FileExistsError, match="expected a new folder"):
            bundle.assemble(path, path.with_name("captured"), path, {})


class TestWarmup:
    def test_every_signature_answers_its_requests(self, path, model):
        requests = [
            prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            for record in tf.data.TFRecordDataset(
                str(path / "assets.extra" / "tf_serving_warmup_requests")
            ).as_numpy_iterator()
        ]
        assert [request.model_spec.signature_name for request in requests] == [
            *["columns"] * 2,
            *["serving_default"] * 2,
        ]
        answers = []
        for request in requests:
            predict = reload.predictor(path, request.model_spec.signature_name)
            inputs = {name: tf.make_ndarray(each) for name, each in request.inputs.items()}
            answers.append(predict(**inputs)["prediction"])
        assert [len(answer) for answer in answers] == [1, 32, 1, 32]
        np.testing.assert_allclose(answers[1], answers[3], rtol=1e-6)
