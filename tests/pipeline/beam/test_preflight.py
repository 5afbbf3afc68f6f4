"""A tiny job tries the workers before a run, on real worker processes."""

from __future__ import annotations

import importlib
import os

import pytest

from huberflow.components.beam.worker_probe import ProbedObject, ProbeFailure, probe_worker
from huberflow.custom_objects import registry
from huberflow.pipeline.beam import preflight
from huberflow.pipeline.beam.beam_target import PreflightError, resolve_target
from huberflow.pipeline.resolve.resolved_run import resolve, resolve_config

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
def run(tmp_path):
    """A run with a custom loss, in a worker process."""
    (tmp_path / "my_quantile.py").write_text(LOSS)
    resolved = resolve_config(
        None,
        [
            f"workspace={tmp_path / 'workspace'}",
            f"objects=[{tmp_path / 'my_quantile.py'}]",
            "training.loss={name: QuantileLoss, config: {quantile: 0.8}}",
            "beam.options={direct_running_mode: multi_processing, direct_num_workers: 1}",
        ],
    )
    return resolve(resolved)


def test_workers_import_and_round_trip_every_object(run):
    assert preflight.check_workers(run.beam, run.config, run.objects) > 0


def test_a_module_that_is_not_on_the_workers_is_named(run):
    without = resolve_target(run.config, None, run.workspace)
    with pytest.raises(PreflightError, match=r"my_quantile: .* on the worker .*No module named"):
        preflight.check_workers(without, run.config, run.objects)


class TestOnTheWorker:
    def test_what_does_not_come_back_as_it_was_is_named(self, tmp_path, monkeypatch):
        forgetful = LOSS.replace('"quantile": self.quantile', '"quantile": self.quantile + 1')
        (tmp_path / "forgetful.py").write_text(forgetful)
        monkeypatch.syspath_prepend(tmp_path)
        name = registry.adopt(importlib.import_module("forgetful").QuantileLoss, "me")
        loss = ProbedObject("forgetful", "QuantileLoss", name, {"quantile": 0.8})
        with pytest.raises(RuntimeError) as caught:
            probe_worker(0, [], [loss])
        failure = ProbeFailure.from_message(str(caught.value))
        assert failure.module == "forgetful"
        assert f"process {os.getpid()}" in failure.worker
        assert "ValueError: QuantileLoss: expected" in failure.reason

    def test_what_keras_would_not_find_there_is_named(self, tmp_path, monkeypatch):
        (tmp_path / "unknown_here.py").write_text(LOSS)
        monkeypatch.syspath_prepend(tmp_path)
        name = "unknown_here>QuantileLoss"
        with pytest.raises(RuntimeError, match=f"{name} is not in Keras's registry"):
            probe_worker(0, [], [ProbedObject("unknown_here", "QuantileLoss", name, {})])


class TestAFailedJob:
    def test_names_the_module_the_worker_and_the_reason(self):
        found = ProbeFailure("a.b", "host7, process 9", "KeyError: 1").to_message()
        message = f"java.lang.RuntimeException:\n RuntimeError: {found} [while"
        error = preflight.explanation(message)
        assert (error.key, error.received) == ("a.b", "KeyError: 1")
        assert "the worker host7, process 9" in error.expected

    def test_names_what_beam_itself_could_not_load(self):
        message = "java.lang.Exception: ModuleNotFoundError: No module named 'components'\n at x"
        assert preflight.explanation(message).key == "components"

    def test_of_another_cause_is_not_explained(self):
        assert preflight.explanation("Connection refused") is None
