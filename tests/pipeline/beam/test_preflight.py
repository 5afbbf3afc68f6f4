"""A tiny job tries the workers before a run, on real worker processes."""

from __future__ import annotations

import importlib
import json
import os

import pytest

from huberflow.components.beam import worker_probe
from huberflow.custom_objects import registry
from huberflow.pipeline.beam import preflight
from huberflow.pipeline.beam.beam_target import PreflightError, resolve_target
from huberflow.pipeline.objects import config_objects
from huberflow.pipeline.resolve.resolved_run import load

LOSS = """
import tensorflow as tf
import tf_keras


class QuantileLoss(tf_keras.losses.Loss):
    def __init__(self, quantile=0.5, **kwargs):
        super().__init__(**kwargs)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        error = tf.cast(y_true, y_pred.dtype) - y_pred
        return tf.reduce_mean(tf.maximum(self.quantile * error, (self.quantile - 1) * error), -1)

    def get_config(self):
        return {**super().get_config(), "quantile": self.quantile}
"""


@pytest.fixture
def config(tmp_path):
    """Of a run with a loss of the user's own, in a worker process."""
    (tmp_path / "my_quantile.py").write_text(LOSS)
    return load(
        None,
        [
            f"workspace={tmp_path / 'workspace'}",
            f"objects=[{tmp_path / 'my_quantile.py'}]",
            "training.loss={name: QuantileLoss, config: {quantile: 0.8}}",
            "beam.options={direct_running_mode: multi_processing, direct_num_workers: 1}",
        ],
    )


def test_workers_import_and_round_trip_every_object(config):
    assert preflight.check(resolve_target(config, config_objects.installed(config)), config) > 0


def test_a_module_that_is_not_on_the_workers_is_named(config):
    without = resolve_target(config, None)
    with pytest.raises(PreflightError) as caught:
        preflight.check(without, config)
    said = str(caught.value)
    assert said.startswith("my_quantile: expected a module that works on the worker ")
    assert "No module named 'my_quantile'" in said
    assert "travel with the job to workers that start as huberflow-worker" in said


class TestOnTheWorker:
    def test_what_does_not_come_back_as_it_was_is_named(self, tmp_path, monkeypatch):
        forgetful = LOSS.replace('"quantile": self.quantile', '"quantile": self.quantile + 1')
        (tmp_path / "forgetful.py").write_text(forgetful)
        monkeypatch.syspath_prepend(tmp_path)
        loss = {"module": "forgetful", "name": "QuantileLoss", "config": {"quantile": 0.8}}
        loss["registered"] = registry.adopt(importlib.import_module("forgetful").QuantileLoss, "me")
        with pytest.raises(RuntimeError) as caught:
            worker_probe.check(0, [], [loss])
        found = json.loads(str(caught.value).removeprefix(worker_probe.MARK))
        assert found["module"] == "forgetful"
        assert f"process {os.getpid()}" in found["worker"]
        assert "ValueError: QuantileLoss: expected" in found["reason"]

    def test_what_keras_would_not_find_there_is_named(self, tmp_path, monkeypatch):
        (tmp_path / "unknown_here.py").write_text(LOSS)
        monkeypatch.syspath_prepend(tmp_path)
        loss = {"module": "unknown_here", "name": "QuantileLoss", "config": {}}
        with pytest.raises(RuntimeError, match="unknown_here>QuantileLoss is not in Keras's reg"):
            worker_probe.check(0, [], [{**loss, "registered": "unknown_here>QuantileLoss"}])


class TestAFailedJob:
    def test_names_the_module_the_worker_and_the_reason(self):
        found = '{"module": "a.b", "worker": "host7, process 9", "reason": "KeyError: 1"}'
        message = f"java.lang.RuntimeException:\n RuntimeError: {worker_probe.MARK}{found} [while"
        error = preflight.explanation(message)
        assert (error.key, error.received) == ("a.b", "KeyError: 1")
        assert "the worker host7, process 9" in error.expected

    def test_names_what_beam_itself_could_not_load(self):
        message = "java.lang.Exception: ModuleNotFoundError: No module named 'components'\n at x"
        assert preflight.explanation(message).key == "components"

    def test_of_another_cause_is_not_explained(self):
        assert preflight.explanation("Connection refused") is None
