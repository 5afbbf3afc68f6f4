"""A program in C, on TensorFlow's C++ runtime, gets the golden answers of a bundle."""

import shutil
import subprocess

import numpy as np
import pytest
import tf_keras
from c_client import answers, assert_same_bits

from huberflow.components.bundle import reload
from huberflow.components.bundle.save import save_bundle


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A bundle of a model with two inputs and outputs, and Keras's own signature alone."""
    tf_keras.utils.set_random_seed(5)
    numbers = tf_keras.Input((3,), name="numbers")
    kinds = tf_keras.Input((1,), dtype="string", name="kinds")
    kind = tf_keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(kinds)
    hidden = tf_keras.layers.Dense(8, "tanh")(tf_keras.layers.concatenate([numbers, kind]))
    outputs = {name: tf_keras.layers.Dense(2, name=name)(hidden) for name in ("left", "right")}
    model = tf_keras.Model({"numbers": numbers, "kinds": kinds}, outputs)
    rows = {
        "numbers": np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32),
        "kinds": np.array([["a"], ["b"], ["other"], [""], ["a"], ["é"], ["a\0"]], object),
    }
    folder = tmp_path_factory.mktemp("plain") / "bundle"
    save_bundle(model, folder, rows, check=False)
    return folder


@pytest.mark.parametrize(
    ("model", "signatures"),
    [("bundle", {"serving_default", "columns"}), ("plain", {"serving_default"})],
)
def test_every_signature_answers_bit_for_bit(serving_client, model, signatures, request):
    path = request.getfixturevalue(model)
    golden = reload.golden(path)
    expected = {name: each for name, each in golden.values.items() if name.startswith("answers/")}
    assert golden.requests.keys() == signatures
    assert_same_bits(answers(serving_client, path), expected)


def test_what_it_refuses_it_says(serving_client, bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "saved_model.pb").write_bytes(b"no graph")
    done = subprocess.run([serving_client, copy], input="", capture_output=True, text=True)
    assert done.returncode == 1
    assert "serving_client: " in done.stderr
