"""What is kept of a trained model's predictions, for the report and the examples of its input."""

import json

import pytest
import tensorflow as tf
import tf_keras

from huberflow.components.contracts.target import Target
from huberflow.components.training import predictions

SPEC = {
    "miles": tf.io.VarLenFeature(tf.float32),
    "trips": tf.io.VarLenFeature(tf.int64),
    "company": tf.io.VarLenFeature(tf.string),
    "fare": tf.io.VarLenFeature(tf.float32),
}


@pytest.fixture(scope="module")
def model():
    """Twice the miles, 0 where they are missing; its transform stands in for TFT's layer."""
    miles = tf_keras.Input([1], name="miles")
    double = tf_keras.layers.Dense(1, kernel_initializer=tf_keras.initializers.Constant(2.0))
    model = tf_keras.Model({"miles": miles}, double(miles))

    def transform(raw):
        assert "fare" not in raw, "the label is no feature"
        miles = tf.sparse.reset_shape(raw["miles"], [raw["miles"].dense_shape[0], 1])
        return {"miles": tf.sparse.to_dense(miles), "unused": raw["company"]}

    model.transform = transform
    return model


def example(**columns) -> bytes:
    lists = {float: "float_list", int: "int64_list", bytes: "bytes_list"}
    found = tf.train.Example()
    for name, value in columns.items():
        getattr(found.features.feature[name], lists[type(value)]).value.append(value)
    return found.SerializeToString()


@pytest.fixture
def written(model, tmp_path):
    """What is written about rows, line by line."""

    def written(rows: list[bytes]) -> list[dict]:
        out = tmp_path / "predictions.jsonl"
        predictions.write(model, rows, SPEC, Target(("fare",)), out)
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

    return written


class TestWrite:
    def test_a_line_holds_label_prediction_and_raw_features(self, written):
        row = example(miles=1.5, trips=7, company="Größe".encode(), fare=5.0)
        assert written([row]) == [
            {
                "label": 5.0,
                "prediction": 3.0,
                "features": {"miles": 1.5, "trips": 7, "company": "Größe"},
            }
        ]

    def test_what_is_missing_is_null(self, written):
        first, second = written([example(fare=5.0), example(miles=0.5, fare=4.0)])
        assert first["features"] == {"miles": None, "trips": None, "company": None}
        assert first["prediction"] == 0.0
        assert second["features"] == {"miles": 0.5, "trips": None, "company": None}

    def test_text_that_is_no_utf_8_is_kept_as_far_as_it_is(self, written):
        (row,) = written([example(company=b"caf\xe9", fare=1.0)])
        assert row["features"]["company"] == "caf\N{REPLACEMENT CHARACTER}"

    def test_rows_keep_their_order(self, written):
        first, second, third = (example(miles=miles, fare=10 * miles) for miles in (1.0, 1.5, 2.0))
        found = written([first, second, third])
        assert [row["label"] for row in found] == [10.0, 15.0, 20.0]
        assert [row["prediction"] for row in found] == [2.0, 3.0, 4.0]
