"""The flavor in a real MLflow: logged in a run, registered, loaded back, and served."""

import shutil

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import requests
import small_bundles
import tensorflow as tf
import tf_keras
from hostile_names import NAMES
from mlflow_servers import model_server

import huberflow.mlflow
from huberflow.components.bundle import reload
from huberflow.components.bundle.bundle import assemble
from huberflow.components.serving.argument_names import traced_names
from huberflow.components.serving.signatures import name_columns
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.losses import HuberLoss
from huberflow.custom_objects.metrics import HuberMetric
from huberflow.pipeline.tracking import mlflow_flavor

X = np.random.default_rng(5).normal(size=(64, 3)).astype(np.float32)
Y = (X @ [[1.0], [2.0], [3.0]]).astype(np.float32)


def compiled(*outputs):
    tf_keras.utils.set_random_seed(3)
    inputs = {name: tf_keras.Input((1,), name=name) for name in ("miles", "hours")}
    joined = tf_keras.layers.Concatenate()(list(inputs.values()))
    layers = {name: tf_keras.layers.Dense(1, name=name)(joined) for name in outputs}
    model = tf_keras.Model(inputs, layers)
    model.compile("adam", HuberLoss(threshold=2.0))
    return model


@pytest.fixture(scope="module")
def model():
    tf_keras.utils.set_random_seed(3)
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(3,))])
    model.compile("adam", HuberLoss(threshold=2.0), metrics=[HuberMetric(threshold=3.0)])
    model.fit(X, Y, verbose=0)
    return model


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    """A database of MLflow for this module alone."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        yield folder
        mlflow.set_tracking_uri(None)  # else it would hide the variable from later tests


@pytest.fixture(scope="module")
def logged(model, tracking):
    """The model in a run, and in the registry."""
    with mlflow.start_run():
        return huberflow.mlflow.log_model(
            model,
            "fares",
            inputs=X,
            labels=Y,
            input_example=X[:2],
            registered_model_name="fares",
            extra_pip_requirements=["acme-tools==1.2"],
        )


def test_columns_are_found_under_names_that_no_function_can_have(tmp_path):
    """Under other names every value would be missing, and the prediction wrong in silence."""
    traced = traced_names(NAMES)
    specs = {each: tf.TensorSpec([None], tf.float64, name=each) for each in traced.values()}

    @tf.function(input_signature=[specs])
    def columns(given):
        weighed = [given[traced[name]] * place for place, name in enumerate(NAMES, start=1)]
        return {"prediction": tf.add_n(weighed)}

    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"), signatures={"columns": columns})
    name_columns(tmp_path / "saved", NAMES)
    assemble(tmp_path / "saved", None, tmp_path / "bundle", {})
    huberflow.mlflow.save_model(tmp_path / "bundle", tmp_path / "model")
    given = np.random.default_rng(0).integers(0, 2, (2, len(NAMES)))
    found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(
        pd.DataFrame(given.astype(float), columns=NAMES)
    )
    assert found["prediction"].tolist() == (given @ np.arange(1, len(NAMES) + 1)).tolist()


class TestLogged:
    @pytest.mark.parametrize("reference", ["models:/fares/1", "the run's"])
    def test_comes_back_with_its_objects(self, logged, model, reference):
        uri = logged.model_uri if reference == "the run's" else reference
        loaded = huberflow.mlflow.load_model(uri)
        assert loaded.loss.get_config()["threshold"] == 2.0
        assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
        assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
        assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 2

    def test_frozen(self, logged):
        assert not huberflow.mlflow.load_model(logged.model_uri, trainable=False).trainable_weights

    def test_predicts_as_pyfunc(self, logged, model):
        expected = model.predict(X, verbose=0)
        loaded = mlflow.pyfunc.load_model(logged.model_uri)
        assert loaded.predict(X) == pytest.approx(expected, abs=1e-6)
        assert loaded.predict(pd.DataFrame(X)) == pytest.approx(expected, abs=1e-6)

    def test_has_the_flavor_and_what_it_needs(self, logged):
        folder = mlflow.artifacts.download_artifacts(logged.model_uri)
        about = mlflow.models.Model.load(folder)
        assert about.flavors["huberflow"]["signature"] == "serving_default"
        assert about.signature.inputs.inputs[0].shape == (-1, 3)
        with open(f"{folder}/requirements.txt") as file:
            names = {line.partition("==")[0].strip() for line in file}
        assert {"mlflow", "tensorflow", "tf-keras", "numpy", "pandas", "acme-tools"} == names
        assert reload.check(f"{folder}/artifacts/bundle")["ok"]


def test_is_served_without_huberflow_and_without_pickle(logged, model, tracking):
    (tracking / "hidden").mkdir()
    (tracking / "hidden" / "huberflow.py").write_text("raise ImportError('not installed')")
    environment = {
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "PYTHONPATH": str(tracking / "hidden"),
    }
    with model_server(logged.model_uri, tracking, environment) as address:
        answer = requests.post(
            f"{address}/invocations", json={"inputs": X[:3].tolist()}, timeout=60
        )
    found = answer.json()["predictions"]
    assert np.array(found) == pytest.approx(model.predict(X[:3], verbose=0), abs=1e-6)


class TestSaved:
    def test_a_bundle_of_raw_columns_takes_a_table_with_gaps(self, bundle, tmp_path):
        huberflow.mlflow.save_model(bundle, tmp_path / "model")
        loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
        for gap in (None, "NA"):
            found = loaded.predict(pd.DataFrame({"miles": [1.5, gap]}, index=[7, 3]))
            expected = reload.predictor(bundle, "columns")(miles=[1.5, np.nan], company=["", ""])
            assert found.index.tolist() == [7, 3]
            assert found["prediction"].to_numpy() == pytest.approx(expected["prediction"])

    def test_texts_of_the_training_are_missing_numbers(self, bundle, tmp_path):
        copy = shutil.copytree(bundle, tmp_path / "bundle")
        small_bundles.rewritten(copy, training={"missing": ["Unknown"]})
        huberflow.mlflow.save_model(copy, tmp_path / "model")
        loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
        found, missing = loaded.predict(pd.DataFrame({"miles": ["Unknown", None]}))["prediction"]
        assert found == missing

    def test_booleans_are_the_texts_that_training_made_of_them(self, bundle, tmp_path):
        huberflow.mlflow.save_model(bundle, tmp_path / "model")
        loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
        texts = loaded.predict(pd.DataFrame({"company": ["true", "false"]}))
        for given in ([True, False], pd.array([True, False], "boolean")):
            pd.testing.assert_frame_equal(loaded.predict(pd.DataFrame({"company": given})), texts)

    def test_another_signature_of_it_may_be_served(self, bundle, tmp_path):
        signature = "serving_default"
        huberflow.mlflow.save_model(bundle, tmp_path / "model", serving_signature=signature)
        rows = small_bundles.examples(3)
        found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(np.array(rows, object))
        expected = reload.predictor(bundle, signature)(examples=rows)["prediction"]
        assert found == pytest.approx(expected)

    def test_a_bundle_that_changes_after_its_verification_is_saved_as_it_was(
        self, bundle, tmp_path, monkeypatch
    ):
        own = shutil.copytree(bundle, tmp_path / "own")
        write = mlflow_flavor.write

        def change_then_write(*arguments, **options):
            (own / "saved_model.pb").write_bytes(b"")
            write(*arguments, **options)

        monkeypatch.setattr(mlflow_flavor, "write", change_then_write)
        huberflow.mlflow.save_model(own, tmp_path / "model")
        saved = mlflow_flavor.saved_model_in(tmp_path / "model", "model")
        assert reload.verify(saved) == reload.verify(bundle)

    def test_several_inputs_and_outputs_have_their_names(self, tmp_path):
        model = compiled("fare", "tip")
        inputs = {"miles": X[:, :1], "hours": X[:, 1:2]}
        huberflow.mlflow.save_model(model, tmp_path / "model", inputs=inputs)
        loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
        expected = model.predict(inputs, verbose=0)
        found = loaded.predict(inputs)
        assert {name: array.shape for name, array in found.items()} == {
            "fare": (64, 1),
            "tip": (64, 1),
        }
        assert found["tip"] == pytest.approx(expected["tip"], abs=1e-6)

    def test_without_a_signature_a_table_gives_a_table(self, tmp_path):
        model = compiled("fare", "tip")
        inputs = {"miles": X[:, :1], "hours": X[:, 1:2]}
        path = tmp_path / "model"
        huberflow.mlflow.save_model(model, path, inputs=inputs, signature=False)
        table = pd.DataFrame({name: column[:, 0] for name, column in inputs.items()})
        found = mlflow.pyfunc.load_model(str(path)).predict(table)
        expected = model.predict(inputs, verbose=0)
        assert list(found) == ["fare", "tip"]
        assert found["tip"].to_numpy() == pytest.approx(expected["tip"][:, 0], abs=1e-6)


class TestWholeNumbers:
    @pytest.fixture(params=[(), (1,)])
    def loaded(self, request, tmp_path):
        shape = [None, *request.param]
        specs = [tf.TensorSpec(shape, tf.int64, "id"), tf.TensorSpec(shape, tf.float32, "miles")]

        @tf.function(input_signature=specs)
        def asked(id, miles):
            return {"next": id + 1, "miles": miles}

        signatures = {"serving_default": asked}
        tf.saved_model.save(tf.Module(), str(tmp_path / "saved"), signatures=signatures)
        assemble(tmp_path / "saved", None, tmp_path / "bundle", {})
        huberflow.mlflow.save_model(tmp_path / "bundle", tmp_path / "model")
        return mlflow.pyfunc.load_model(str(tmp_path / "model"))

    @pytest.mark.parametrize("ids", [[1.7, 2.0], [None, 2.0], [float("nan"), 2.0], ["1", "2"]])
    def test_are_not_made_of_others(self, loaded, ids):
        with pytest.raises(ValueError, match=r"id: expected whole numbers \(int64\), received"):
            loaded.predict(pd.DataFrame({"id": ids, "miles": [1.0, 2.0]}))

    def test_are_exact_from_tables_and_arrays(self, loaded):
        ids = [9007199254740993, 2]
        table = pd.DataFrame({"id": ids, "miles": [1.0, 2.0]})
        row = loaded.metadata.signature.inputs.inputs[1].shape[1:]
        array = {"id": np.array(ids), "miles": np.zeros((2, *row), np.float32)}
        for given in (table, array):
            assert np.ravel(loaded.predict(given)["next"]).tolist() == [9007199254740994, 3]


class TestRefusal:
    def test_of_a_model_without_rows(self, model, tmp_path):
        with pytest.raises(InputError) as caught:
            huberflow.mlflow.save_model(model, tmp_path / "model")
        assert caught.value.key == "inputs"

    def test_of_another_signature(self, bundle, tmp_path):
        with pytest.raises(InputError) as caught:
            huberflow.mlflow.save_model(bundle, tmp_path / "model", serving_signature="columnz")
        assert caught.value.expected == "one of columns, serving_default"

    def test_of_another_flavor(self, tmp_path):
        mlflow.pyfunc.save_model(
            tmp_path / "model",
            python_model=lambda model_input: model_input,
            pip_requirements=["mlflow"],
        )
        with pytest.raises(InputError) as caught:
            huberflow.mlflow.load_model(str(tmp_path / "model"))
        assert caught.value.received == "one of the flavors python_function"

    def test_of_an_unknown_argument(self, bundle, tmp_path):
        with pytest.raises(TypeError, match="pip_requirement"):
            huberflow.mlflow.save_model(bundle, tmp_path / "model", pip_requirement=[])
