"""Whole numbers that a float cannot be: exact in each way in, and missing in each way."""

import json

import mlflow
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras

import huberflow
from huberflow.components.bundle import bundle, reload
from huberflow.components.contracts.target import Target
from huberflow.components.serving import signatures
from huberflow.components.training import trainer
from huberflow.pipeline.deploy.predict_api import predict
from huberflow.pipeline.deploy.protocol import parse_request
from huberflow.pipeline.deploy.request_csv import parse_csv
from huberflow.pipeline.deploy.scorer import Scorer

FIRST, SECOND = 2**53, 2**53 + 1
SPEC = {"store": tf.io.VarLenFeature(tf.int64), "miles": tf.io.VarLenFeature(tf.float32)}
FARE = Target(("fare",))
ANSWERS = {FIRST: 10.0, SECOND: 30.0, None: 0.0}


def example(fare, store):
    """A labelled row of the data."""
    floats = {"fare": [fare], "miles": [1.0]}
    feature = {n: tf.train.Feature(float_list={"value": each}) for n, each in floats.items()}
    feature["store"] = tf.train.Feature(int64_list={"value": store})
    return tf.train.Example(features={"feature": feature}).SerializeToString()


class Transform(tf_keras.layers.Layer):
    """10 in one store, 30 in the other, 0 without a store."""

    def call(self, raw):
        rows = tf.shape(raw["miles"], tf.int64)[0]
        store = tf.sparse.to_dense(tf.sparse.reset_shape(raw["store"], [rows, 1]))
        fares = [tf.where(store == number, fare, 0.0) for number, fare in list(ANSWERS.items())[:2]]
        return {"fares": tf.add_n(fares)}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    fares = tf_keras.Input((1,), name="fares")
    model = tf_keras.Model({"fares": fares}, tf_keras.layers.Dense(1, use_bias=False)(fares))
    model.set_weights([np.ones((1, 1))])
    model.compile("sgd", "mse")
    model.transform = Transform()
    folder = tmp_path_factory.mktemp("model")
    functions = signatures.signatures(model, SPEC, FARE, ["store"])
    rows = [example(10.0, [FIRST]), example(30.0, [])]
    labelled = {**SPEC, "fare": tf.io.VarLenFeature(tf.float32)}
    captured = folder / "captured"
    trainer.capture(
        model, functions, rows, labelled, FARE, captured, exact=["store"], training=None
    )
    trainer.export(model, functions, SPEC, folder / "exported")
    bundle.assemble(folder / "exported", captured, folder / "bundle", {})
    return folder / "bundle"


@pytest.fixture(scope="module")
def scorer(path):
    return Scorer(path)


def answers(found):
    return [*map(float, found["prediction"])]


def test_the_signature_takes_them_as_int64(path):
    stores = np.array([FIRST, SECOND, signatures.MISSING_WHOLE])
    found = reload.predictor(path, "columns")(store=stores, miles=np.ones(3))
    assert answers(found) == [10.0, 30.0, 0.0]


def test_golden_rows_are_those_of_the_data(scorer):
    rows = scorer.golden_rows()
    assert rows["store"].tolist() == [FIRST, None]
    assert answers(scorer.predict(rows)) == [10.0, 0.0]


def test_requests_in_json_and_csv_are_exact(scorer):
    rows = [{"store": store} for store in ANSWERS]
    body = json.dumps({"instances": rows}).encode()
    for table in (
        parse_request(body, scorer.columns),
        parse_csv(f"store\n{FIRST}\n{SECOND}\nNA\n".encode(), scorer.columns, 9),
    ):
        assert answers(scorer.predict(table)) == [*ANSWERS.values()]
    found, count = predict(scorer, body, 9)
    assert (json.loads(found)["predictions"], count) == ([*ANSWERS.values()], 3)


@pytest.mark.parametrize("store", [float(FIRST), 1.5, "word", True])
def test_what_may_be_another_number_is_refused(scorer, path, tmp_path, store):
    table = pd.DataFrame({"store": [SECOND, store]}, dtype=object)
    assert [*scorer.bad_rows(table)] == [1]
    with pytest.raises((ValueError, mlflow.MlflowException), match="whole numbers"):
        pyfunc(path, tmp_path).predict(table)


def test_mlflow_takes_them_exact(path, tmp_path):
    """It makes floats of whole numbers beside None, which are refused."""
    model = pyfunc(path, tmp_path)
    for missing in (pd.NA, "NA"):
        found = model.predict(pd.DataFrame({"store": [FIRST, SECOND, missing]}, dtype=object))
        assert answers(found) == [*ANSWERS.values()]
    assert answers(model.predict(pd.DataFrame({"store": [7, None]}))) == [0.0, 0.0]
    with pytest.raises((ValueError, mlflow.MlflowException), match=r"pandas\.NA"):
        model.predict(pd.DataFrame({"store": [SECOND, None]}, dtype=object))


def pyfunc(path, folder):
    huberflow.mlflow.save_model(path, folder / "model")
    return mlflow.pyfunc.load_model(str(folder / "model"))
