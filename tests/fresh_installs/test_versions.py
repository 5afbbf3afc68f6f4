"""Bundles cross to other versions of Python, TensorFlow and tf_keras: the table of the guide."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from installed import UV, Installed, built, interpreter

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = """
from __future__ import annotations

import tensorflow as tf
import tf_keras


class Asymmetric(tf_keras.losses.Loss):
    def __init__(self, factor: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        error = tf.cast(y_true, y_pred.dtype) - y_pred
        return tf.reduce_mean(tf.where(error > 0, self.factor * error, -error), axis=-1)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Scaled(tf_keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight("scale", shape=shape[-1:], initializer="ones")

    def call(self, inputs):
        return inputs * self.scale
"""
WRITE = """
import numpy as np, tf_keras, huberflow
from objects import Asymmetric, Scaled

tf_keras.utils.set_random_seed(7)
rows = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
labels = rows.sum(axis=1, keepdims=True)
dense = tf_keras.layers.Dense
model = tf_keras.Sequential([tf_keras.Input((4,)), dense(8, "tanh"), Scaled(), dense(1)])
model.compile("adam", Asymmetric(3.0), [huberflow.HuberMetric(2.0)])
model.fit(rows, labels, epochs=2, verbose=0)
huberflow.save_bundle(model, "bundle", rows, labels, check=False)
"""
WRITERS = ["2.20", "2.21"]
"""TensorFlow and tf_keras, on Python 3.11."""
READERS = [
    ("3.11", "2.19", ["warned", "refused"]),
    ("3.11", "2.20", ["supported", "refused"]),
    ("3.12", "2.21", ["supported", "supported"]),
    ("3.13", "2.21", ["supported", "supported"]),
]
"""Python, TensorFlow and tf_keras, and what becomes there of the bundle of each writer."""

pytestmark = pytest.mark.skipif(not UV.exists(), reason="needs .uv/bin/uv; write: make setup")


def python(version: str) -> Path:
    found = interpreter(version)
    if found is None:
        pytest.skip(f"needs Python {version}: python{version} in PATH, or pyenv install {version}")
    return found


def environment(folder: Path, version: str, release: str, *others: Path) -> Installed:
    made = Installed(folder, python=python(version))
    made.install(f"tensorflow=={release}.*", f"tf-keras=={release}.*", *others)
    return made


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> list[Path]:
    wheel = built("wheel", ROOT, tmp_path_factory.mktemp("wheel"))
    folders = [tmp_path_factory.mktemp("writer") for _ in WRITERS]
    for folder, release in zip(folders, WRITERS, strict=True):
        writer = environment(folder, "3.11", release, wheel)
        (folder / "objects.py").write_text(OBJECTS)
        writer.program(WRITE)
        shutil.rmtree(folder / "venv")
    return [folder / "bundle" for folder in folders]


def state(there: Installed, bundle: Path) -> str:
    """What becomes of the bundle, by its own check."""
    script = str(bundle / "assets.extra" / "reload.py")
    done = there.run("-I", script, "--check", "--json", cwd=there.folder)
    report = json.loads(done.stdout.splitlines()[-1])
    if "error" in report:
        assert "tf_keras: expected 2.21" in report["error"], report
        return "refused"
    assert report["ok"], report
    return "warned" if "exported with other versions" in done.stderr else "supported"


@pytest.mark.parametrize(("version", "release", "states"), READERS)
def test_a_bundle_is_loaded_with_its_values_or_refused(bundles, version, release, states, tmp_path):
    there = environment(tmp_path, version, release)
    found = [state(there, bundle) for bundle in bundles]
    shutil.rmtree(tmp_path / "venv")
    assert found == states
    row = f"| {version} | {release} | {' | '.join(states)} |"
    assert row in (ROOT / "docs" / "supported.md").read_text()


def test_an_older_python_is_refused_in_a_line():
    script = ROOT / "components" / "bundle" / "reload" / "script.py"
    done = subprocess.run([python("3.10"), script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("reload.py: expected Python 3.11 or newer, received 3.10")
    assert len(done.stderr.splitlines()) == 1
