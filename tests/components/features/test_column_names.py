"""Columns called as nothing in Python may be, in a saved model."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from small_bundles import example
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model import fingerprinting_utils

from huberflow.components.bundle import bundle, reload
from huberflow.components.contracts.target import Target
from huberflow.components.serving import signatures
from huberflow.components.training import trainer

NAMES = ["Ship Mode", "1st", "plain", "a.b", "größe"]
VALUES = np.array([[1.5, -2.0, 3.0, 0.5, 4.0], [0.0, 1.0, 2.0, 3.0, 5.0]], np.float32)
KERNEL = np.array([[1.0], [10.0], [100.0], [1000.0], [10000.0]], np.float32)
FARE = Target(("fare",))


class Transform(tf_keras.layers.Layer):
    def call(self, raw):
        rows = tf.shape(raw["plain"], tf.int64)[0]
        columns = [tf.sparse.to_dense(tf.sparse.reset_shape(raw[n], [rows, 1])) for n in NAMES]
        return {"numbers": tf.concat(columns, axis=1)}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    numbers = tf_keras.Input((len(NAMES),), name="numbers")
    dense = tf_keras.layers.Dense(1, use_bias=False)
    model = tf_keras.Model({"numbers": numbers}, dense(numbers))
    dense.set_weights([KERNEL])
    model.compile("sgd", "mse")
    model.transform = Transform()
    folder = tmp_path_factory.mktemp("model")
    spec = {name: tf.io.VarLenFeature(tf.float32) for name in NAMES}
    functions = signatures.signatures(model, spec, FARE)
    labelled = {**spec, "fare": tf.io.VarLenFeature(tf.float32)}
    rows = [example(fare=1.0, **dict(zip(NAMES, map(float, row), strict=True))) for row in VALUES]
    captured = folder / "captured"
    trainer.capture(model, functions, rows, labelled, FARE, captured, training=None)
    trainer.export(model, functions, spec, folder / "saved")
    return folder / "saved"


def test_each_is_an_input_under_its_own_name(saved):
    columns = {n: tf.constant(VALUES[:, i], tf.float64) for i, n in enumerate(NAMES)}
    found = tf.saved_model.load(str(saved)).signatures["columns"](**columns)
    assert found["prediction"].numpy() == pytest.approx((VALUES @ KERNEL)[:, 0])


def test_the_other_way_in_answers_the_same(saved):
    rows = [example(**dict(zip(NAMES, map(float, row), strict=True))) for row in VALUES]
    found = tf.saved_model.load(str(saved)).signatures["serving_default"](tf.constant(rows))
    assert found["prediction"].numpy() == pytest.approx((VALUES @ KERNEL)[:, 0])


def test_servers_see_these_names(saved):
    proto = saved_model_pb2.SavedModel.FromString((saved / "saved_model.pb").read_bytes())
    inputs = proto.meta_graphs[0].signature_def["columns"].inputs
    assert set(inputs) == set(NAMES)


def test_the_fingerprint_is_that_of_what_is_there(saved):
    before = tf.saved_model.experimental.read_fingerprint(str(saved)).saved_model_checksum
    copy = saved.with_name("copy")
    copy.mkdir()
    (copy / "saved_model.pb").write_bytes((saved / "saved_model.pb").read_bytes())
    fingerprinting_utils.write_fingerprint(str(copy))
    after = tf.saved_model.experimental.read_fingerprint(str(copy)).saved_model_checksum
    assert before == after


def test_a_bundle_proves_what_is_answered_under_these_names(saved, tmp_path):
    path = tmp_path / "bundle"
    bundle.assemble(saved, saved.with_name("captured"), path, None)
    assert reload.golden(path).requests["columns"].keys() == set(NAMES)
    report = reload.check(path)
    assert report["ok"]
    assert "answers/columns/prediction" in report["values"]
