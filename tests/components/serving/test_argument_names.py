"""Columns called as nothing in Python may be, as the arguments of a signature."""

import numpy as np
import pytest
import tensorflow as tf
from c_client import answers, assert_same_bits
from hostile_names import NAMES, tables
from hypothesis import given, settings
from property_settings import properties
from tensorflow.python.saved_model import fingerprinting_utils

from huberflow.components.bundle import bundle, reload
from huberflow.components.bundle.answers import described
from huberflow.components.serving.argument_names import keywords, traced_names
from huberflow.components.serving.signatures import name_columns


def saved(names, folder):
    """A model with one column of each name; its answers tell them apart."""
    traced = traced_names(names)
    specs = {each: tf.TensorSpec([None], tf.float64, name=each) for each in traced.values()}

    @tf.function(input_signature=[specs])
    def columns(given):
        weighed = [given[traced[name]] * place for place, name in enumerate(names, start=1)]
        return {"prediction": tf.add_n(weighed)}

    tf.saved_model.save(tf.Module(), str(folder), signatures={"columns": columns})
    name_columns(folder, names)
    return folder


def rows(names):
    return {name: np.array([place, 0.5]) for place, name in enumerate(names, start=1)}


def expected(names):
    return sum(values * place for place, values in enumerate(rows(names).values(), start=1))


@properties
@given(tables)
def test_each_has_an_argument_of_its_own_whatever_else_there_is(names):
    traced, words = traced_names(names), keywords(names)
    assert list(traced) == list(words) == names
    for arguments in (traced, words):
        assert len(set(arguments.values())) == len(names)
    assert all(each.isidentifier() and each != "self" for each in traced.values())
    assert len({each.lower() for each in traced.values()}) == len(names)
    assert all(words[name] in (name, traced[name]) for name in names)


def test_plain_names_stay_as_they_are():
    names = ["trip_miles", "Company", "x1", "examples", "inputs"]
    assert traced_names(names) == keywords(names) == {name: name for name in names}


@settings(properties, max_examples=10)
@given(tables)
def test_a_saved_model_answers_by_the_names_of_the_file(tmp_path_factory, names):
    folder = saved(names, tmp_path_factory.mktemp("model"))
    inputs = described(folder)["columns"]["inputs"]
    assert inputs.keys() == set(names)
    ask = reload.asking.signature_of(tf.saved_model.load(str(folder)), "columns", inputs)
    np.testing.assert_array_equal(ask(**rows(names))["prediction"], expected(names))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Of all names together."""
    return saved(NAMES, tmp_path_factory.mktemp("model") / "saved")


def test_outputs_have_any_name(tmp_path):
    """As the probability of a class, or the prediction of a label."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float64, name="x")])
    def columns(x):
        return {name: x * place for place, name in enumerate(NAMES)}

    tf.saved_model.save(tf.Module(), str(tmp_path), signatures={"columns": columns})
    about, loaded = described(tmp_path)["columns"], tf.saved_model.load(str(tmp_path))
    assert about["outputs"].keys() == set(NAMES)
    found = reload.asking.signature_of(loaded, "columns", about["inputs"])(x=[1.0])
    assert {name: value.numpy()[0] for name, value in found.items()} == {
        name: place for place, name in enumerate(NAMES)
    }


class TestAllTogether:
    def test_python_takes_each_by_its_keyword(self, model):
        loaded = tf.saved_model.load(str(model))
        words = keywords(NAMES)
        given = {words[name]: tf.constant(values) for name, values in rows(NAMES).items()}
        found = loaded.signatures["columns"](**given)["prediction"]
        np.testing.assert_array_equal(found, expected(NAMES))

    def test_the_keyword_is_the_name_wherever_python_can_have_it(self):
        others = {name for name, word in keywords(NAMES).items() if word != name}
        assert {"self", "a.b", "a b", "a_b", "growth $", "growth %"} <= others
        assert not others & {"from", "class", "Price", "price", "it's", "größe", "1st", "C:"}

    def test_a_bundle_lists_the_arguments_and_is_verified_by_them(
        self, model, tmp_path, serving_client
    ):
        bundle.capture_saved(model, tmp_path / "captured", requests={"columns": rows(NAMES)})
        certificate = bundle.assemble(model, tmp_path / "captured", tmp_path / "bundle", None)
        inputs = certificate["signatures"]["columns"]["inputs"]
        traced = traced_names(NAMES)
        assert {name: each.get("argument", name) for name, each in inputs.items()} == traced
        report = reload.check(tmp_path / "bundle")
        assert report["ok"]
        assert "answers/columns/prediction" in report["values"]
        golden = reload.golden(tmp_path / "bundle").values
        assert_same_bits(answers(serving_client, tmp_path / "bundle"), golden)

    def test_the_fingerprint_is_that_of_what_is_there(self, model):
        before = tf.saved_model.experimental.read_fingerprint(str(model)).saved_model_checksum
        copy = model.with_name("copy")
        copy.mkdir()
        (copy / "saved_model.pb").write_bytes((model / "saved_model.pb").read_bytes())
        fingerprinting_utils.write_fingerprint(str(copy))
        after = tf.saved_model.experimental.read_fingerprint(str(copy)).saved_model_checksum
        assert before == after
