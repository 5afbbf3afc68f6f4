"""Bundles where TensorFlow works otherwise: deterministic, in a strategy's scope, as version 1."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import huberflow
from huberflow.components.bundle import reload

ROWS = np.linspace(0, 1, 24, dtype=np.float32).reshape(8, 3)

DETERMINISTIC = """
import json, sys
import tensorflow as tf
import huberflow

def refused():
    try:
        tf.random.normal([2])
    except RuntimeError:
        return True

found = {"needs a seed": refused()}
model = huberflow.load(sys.argv[1])
found["check"] = huberflow.check(sys.argv[1])["ok"]
found["still"] = refused()
print(json.dumps(found))
"""

EXPORTED = """
import json, pathlib, sys
import numpy as np
import tensorflow as tf
import tf_keras
import huberflow
from huberflow.components.bundle import bundle

def refused():
    try:
        tf.random.normal([2])
    except RuntimeError:
        return True

if sys.argv[3] == "call":
    tf.config.experimental.enable_op_determinism()
saved, folder = map(pathlib.Path, sys.argv[1:3])
rows = np.linspace(0, 1, 24, dtype=np.float32).reshape(8, 3)
inputs = tf_keras.Input((3,), name="x")
hidden = tf_keras.layers.Dropout(0.3)(tf_keras.layers.Dense(4)(inputs))
hidden = tf_keras.layers.GRU(3, recurrent_dropout=0.2)(hidden[:, None])
model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(hidden))
model.compile("adam", huberflow.HuberLoss(2.0))
before = refused()
huberflow.save_bundle(model, folder / "trained", rows, labels=rows[:, :1])
bundle.capture_saved(saved, folder / "captured", inputs=rows, labels=rows[:, :1])
bundle.assemble(saved, folder / "captured", folder / "exported", None)
found = {name: huberflow.check(folder / name)["ok"] for name in ("trained", "exported")}
print(json.dumps({"needs a seed": before, **found, "still": refused()}))
"""

VERSION_1 = """
import json, sys
import tensorflow as tf
import huberflow
tf.compat.v1.disable_v2_behavior()
said = []
for each in (huberflow.load, huberflow.check, huberflow.predictor):
    try:
        each(sys.argv[1])
    except Exception as error:
        said.append(f"{type(error).__name__}: {error}")
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    inputs = tf_keras.Input((3,), name="x")
    initializer = huberflow.GlorotNormalInitializer()
    hidden = tf_keras.layers.Dense(4, kernel_initializer=initializer)(inputs)
    hidden = tf_keras.layers.Dropout(0.3)(hidden)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(hidden))
    model.compile("adam", huberflow.HuberLoss(2.0))
    model.fit(ROWS, ROWS[:, :1], verbose=0)
    path = tmp_path_factory.mktemp("modes") / "bundle"
    huberflow.save_bundle(model, path, ROWS, labels=ROWS[:, :1], check=False)
    return path


def told(code, *arguments, **environment):
    """What Python prints last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_where_ops_must_be_deterministic_and_nobody_set_a_seed(bundle):
    found = told(DETERMINISTIC, bundle, TF_DETERMINISTIC_OPS="1")
    assert found == {"needs a seed": True, "check": True, "still": True}


@pytest.mark.parametrize(("by", "option"), [("call", "0"), ("environment", "1")])
def test_a_model_with_dropout_is_exported_where_ops_must_be_deterministic(by, option, tmp_path):
    inputs = tf_keras.Input((3,), name="x")
    hidden = tf_keras.layers.Dropout(0.3)(tf_keras.layers.Dense(4)(inputs))
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(hidden))
    model.compile("adam", "mae")
    model.fit(ROWS, ROWS[:, :1], verbose=0)
    model.save(tmp_path / "saved", save_format="tf")
    found = told(EXPORTED, tmp_path / "saved", tmp_path, by, TF_DETERMINISTIC_OPS=option)
    assert found == {"needs a seed": True, "trained": True, "exported": True, "still": True}


def test_where_version_2_is_off_it_is_refused_in_words(bundle):
    said = told(VERSION_1, bundle)
    assert len(said) == 3
    assert {line.partition(": ")[0] for line in said} == {"ReloadError"}
    assert all("disable_v2_behavior" in line for line in said)


@pytest.mark.parametrize(
    ("optimize", "code", "said"),
    [("1", 0, "ok"), ("2", 1, "refused: tf_keras cannot be imported without docstrings")],
)
def test_without_assertions_and_docstrings(optimize, code, said, bundle):
    script = [sys.executable, str(bundle / reload.layout.LOADER), "--check"]
    optimized = {**os.environ, "PYTHONOPTIMIZE": optimize}
    done = subprocess.run(script, capture_output=True, text=True, env=optimized)
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-1].startswith(said)


def test_a_check_in_the_scope_of_a_strategy(bundle):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert huberflow.check(bundle)["ok"]


def test_a_check_while_a_graph_is_built(bundle):
    with tf.Graph().as_default():
        assert huberflow.check(bundle)["ok"]
        with pytest.raises(reload.ReloadError, match=r"outside of tf\.function and tf\.Graph"):
            huberflow.load(bundle)
