"""Rows of columns as a request, whatever a model's signatures take."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from huberflow.components.bundle.bundle import assemble
from huberflow.components.serving.parsing_spec import ParsedColumn, parsing_spec
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.request_columns import RequestColumn, request_form
from huberflow.pipeline.deploy.scorer import Scorer

FEATURES = {
    "miles": tf.io.FixedLenFeature([], tf.float32),
    "rooms": tf.io.FixedLenFeature([2], tf.float32, [0.0, 0.0]),
    "stops": tf.io.FixedLenFeature([1], tf.int64),
    "company": tf.io.VarLenFeature(tf.string),
}
ROWS = {
    "miles": np.array([1.5, 2.0]),
    "rooms_0": np.array([3.0, 5.0]),
    "rooms_1": np.array([4.0, 6.0]),
    "stops": np.array([7, 8], object),
    "company": np.array([b"Blue\0", b""], object),
}


class Model(tf.Module):
    """Answers with what it parsed, or with what it was given."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="rows")])
    def parse(self, rows):
        parsed = tf.io.parse_example(rows, FEATURES)
        company = tf.sparse.to_dense(parsed.pop("company"), b"none")
        return {**parsed, "company": company[:, 0]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="rows")])
    def parse_less(self, rows):
        return tf.io.parse_example(rows, {"tips": tf.io.FixedLenFeature([], tf.float32)})

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="rooms"),
            tf.TensorSpec([None], tf.int64, name="stops"),
            tf.TensorSpec([None, 1], tf.string, name="company"),
        ]
    )
    def take(self, rooms, stops, company):
        return {"rooms": rooms, "stops": stops, "company": company}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="x"),
            tf.TensorSpec([None], tf.float32, name="x_0"),
        ]
    )
    def collide(self, x, x_0):
        return {"sum": x[:, 0] + x_0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="rows")])
    def parse_colliding(self, rows):
        feature = tf.io.FixedLenFeature
        return tf.io.parse_example(
            rows, {"x": feature([2], tf.float32), "x_0": feature([], tf.float32)}
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="rows")])
    def parse_whole(self, rows):
        return tf.io.parse_example(rows, {"stops": tf.io.FixedLenFeature([], tf.int64)})

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, name="stops")])
    def cast(self, stops):
        return {"stops": tf.cast(tf.where(stops == stops, stops, -tf.ones_like(stops)), tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="image")])
    def see(self, image):
        return {"mean": tf.reduce_mean(image, axis=[1, 2, 3])}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Makes a bundle with some of the model's functions as signatures."""
    folder = tmp_path_factory.mktemp("models")

    def bundle(**signatures):
        model, place = Model(), folder / "_".join([*signatures, *signatures.values()])
        functions = {name: getattr(model, each) for name, each in signatures.items()}
        tf.saved_model.save(model, str(place / "saved"), signatures=functions)
        certificate = assemble(place / "saved", None, place / "bundle", {})
        return place / "bundle", certificate

    return bundle


def test_the_columns_that_a_signature_parses_are_read_from_its_graph(bundle):
    path, _ = bundle(serving_default="parse", less="parse_less")
    assert parsing_spec(path, "serving_default") == {
        "company": ParsedColumn(tf.string, (None,), required=False),
        "miles": ParsedColumn(tf.float32, (), required=True),
        "rooms": ParsedColumn(tf.float32, (2,), required=False),
        "stops": ParsedColumn(tf.int64, (1,), required=True),
    }
    assert set(parsing_spec(path, "less")) == {"tips"}


def answered(path, form, arguments):
    return tf.saved_model.load(str(path)).signatures[form.signature](
        **{name: tf.constant(value) for name, value in arguments.items()}
    )


def test_examples_are_made_of_columns(bundle):
    path, certificate = bundle(default="parse")
    form = request_form(path, certificate)
    assert form.columns == {
        "company": RequestColumn(tf.string, required=False),
        "miles": RequestColumn(tf.float32, required=True),
        "rooms_0": RequestColumn(tf.float32, required=False),
        "rooms_1": RequestColumn(tf.float32, required=False),
        "stops": RequestColumn(tf.int64, required=True),
    }
    arguments = form.arguments(ROWS)
    answers = answered(path, form, arguments)
    np.testing.assert_array_equal(answers["rooms"], [[3, 4], [5, 6]])
    np.testing.assert_array_equal(answers["stops"], [[7], [8]])
    assert answers["company"].numpy().tolist() == [b"Blue\0", b"none"]
    assert_equal_rows(form.rows(arguments), ROWS)


def test_arguments_are_made_of_columns(bundle):
    path, certificate = bundle(serving_default="take")
    form = request_form(path, certificate)
    given = {name: ROWS[name] for name in form.columns}
    assert set(given) == {"rooms_0", "rooms_1", "stops", "company"}
    arguments = form.arguments(given)
    answers = answered(path, form, arguments)
    np.testing.assert_array_equal(answers["rooms"], [[3, 4], [5, 6]])
    assert answers["stops"].numpy().tolist() == [7, 8]
    assert_equal_rows(form.rows(arguments), given)


def assert_equal_rows(rows, expected):
    assert rows.keys() == expected.keys()
    for name, values in expected.items():
        assert rows[name].tolist() == values.tolist()


def test_whole_numbers_stay_as_they_are(bundle):
    form = request_form(*bundle(whole="parse"))
    rows = {**ROWS, "stops": np.array([2**53 + 1, -(2**62) - 1], object)}
    assert_equal_rows(form.rows(form.arguments(rows)), rows)


def test_a_parsed_column_without_values_is_left_out(bundle):
    path, certificate = bundle(left_out="parse")
    form = request_form(path, certificate)
    none = {name: np.array([np.nan, 1.0]) for name in ("rooms_0", "rooms_1")}
    answers = answered(path, form, form.arguments({**ROWS, **none}))
    np.testing.assert_array_equal(answers["rooms"], [[0, 0], [1, 1]])


def test_a_row_with_some_of_a_columns_values_is_refused(bundle):
    path, _ = bundle(some="parse")
    rows = {
        "miles": [1.0, 2.0, 3.0],
        "stops": [1, 2, 3],
        "company": ["a"] * 3,
        "rooms_0": [5.0, 4.0, None],
    }
    table = pd.DataFrame({**rows, "rooms_1": [5.0, None, None]})
    (mistake,) = Scorer(path).bad_rows(table).items()
    assert (mistake[0], mistake[1].key) == (1, "rooms_1")
    assert Scorer(path).predict(table.drop(index=1))["rooms_0"].tolist() == [5.0, 0.0]
    with pytest.raises(InputError, match="rooms_1"):
        Scorer(path).predict(table.drop(columns="rooms_1"))


def test_a_float_that_the_model_casts_to_whole_numbers_must_be_one(bundle):
    path, _ = bundle(columns="cast", serving_default="parse_whole")
    table = pd.DataFrame({"stops": [2.0, None, 1.5, 2**53 + 1]}, dtype=object)
    assert list(Scorer(path).bad_rows(table)) == [2, 3]
    assert Scorer(path).predict(table.iloc[:2])["stops"].tolist() == [2, -1]


def test_two_columns_of_one_name_are_refused(bundle):
    for name in ("collide", "parse_colliding"):
        with pytest.raises(InputError, match="x_0 for two"):
            request_form(*bundle(serving_default=name))


def test_columns_come_before_examples_and_examples_before_what_is_neither(bundle):
    path, certificate = bundle(see="see", columns="take", serving_default="parse")
    assert request_form(path, certificate).signature == "columns"
    path, certificate = bundle(a_see="see", parse="parse")
    assert request_form(path, certificate).signature == "parse"
    assert request_form(*bundle(serving_default="see")) is None
