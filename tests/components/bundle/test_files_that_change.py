"""A bundle whose files are replaced while they are read is refused, whatever is read then."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import huberflow
from huberflow.components.bundle import reload
from huberflow.components.bundle.reload import graph_ops, integrity
from huberflow.pipeline.deploy.scorer import Scorer

ROWS = np.ones((2, 3), np.float32)


def made(path, kernel):
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, kernel_initializer=kernel)])
    model.compile("adam", huberflow.HuberLoss(2.0))
    huberflow.save_bundle(model, path, ROWS, labels=ROWS[:, :1], check=False)
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two bundles of which every file has the same name and size."""
    folder = tmp_path_factory.mktemp("pair")
    return made(folder / "ones", "ones"), made(folder / "zeros", "zeros")


@pytest.fixture
def bundle(pair, tmp_path):
    return Path(shutil.copytree(pair[0], tmp_path / "bundle"))


def swapped(path, other):
    """Replaces a file as a program does that writes aside and renames."""
    shutil.copyfile(other, path.with_name("new"))
    path.with_name("new").replace(path)


def overwritten(path, other):
    path.write_bytes(other.read_bytes())


READ = {
    "load": reload.load,
    "predictor": reload.predictor,
    "check": reload.check,
    "golden": reload.golden,
    "serve and predict": Scorer,
}


@pytest.mark.parametrize("reading", READ)
@pytest.mark.parametrize("change", [swapped, overwritten])
def test_weights_that_change_after_they_were_hashed(reading, change, bundle, pair, monkeypatch):
    verify, name = integrity.verify, "variables/variables.data-00000-of-00001"

    def verify_then_change(path):
        certificate = verify(path)
        change(bundle / name, pair[1] / name)
        return certificate

    monkeypatch.setattr(integrity, "verify", verify_then_change)
    with pytest.raises(reload.ReloadError, match="changed while it was read"):
        READ[reading](bundle)


@pytest.mark.parametrize("reading", ["load", "predictor", "check"])
def test_a_graph_that_is_there_only_while_it_is_loaded(reading, bundle, pair, monkeypatch):
    refuse = graph_ops.refuse_unsafe_ops
    graph, aside = bundle / "saved_model.pb", bundle.with_name("aside")
    load = tf.saved_model.load

    def scan_then_swap(path, allowed=()):
        refuse(path, allowed)
        graph.rename(aside)
        shutil.copyfile(pair[1] / "saved_model.pb", graph)

    def load_then_swap_back(*args, **kwargs):
        loaded = load(*args, **kwargs)
        aside.replace(graph)
        return loaded

    for module in (reload.loading, reload.checking):
        monkeypatch.setattr(module, "refuse_unsafe_ops", scan_then_swap)
    monkeypatch.setattr(tf.saved_model, "load", load_then_swap_back)
    with pytest.raises(reload.ReloadError, match="changed while it was read"):
        READ[reading](bundle)


def test_an_error_of_half_replaced_files_is_told_as_such(bundle, monkeypatch):
    verify = integrity.verify

    def verify_then_cut(path):
        certificate = verify(path)
        (bundle / "saved_model.pb").write_bytes(b"")
        return certificate

    monkeypatch.setattr(integrity, "verify", verify_then_cut)
    with pytest.raises(reload.ReloadError, match=r"saved_model\.pb: changed while it was read"):
        reload.load(bundle)
