"""The callbacks in a user's own ``fit``: a bundle of the best model, and a row per epoch."""

import csv

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from huberflow.callbacks import Progress, SaveBundle
from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.losses import HuberLoss
from huberflow.custom_objects.metrics import HuberMetric

X = np.random.default_rng(5).normal(size=(64, 3)).astype(np.float32)
Y = (X @ [[1.0], [2.0], [3.0]]).astype(np.float32)


def compiled(loss=None):
    tf_keras.utils.set_random_seed(3)
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(3,))])
    model.compile("adam", loss or HuberLoss(threshold=2.0), metrics=[HuberMetric(threshold=3.0)])
    return model


def fit(model, *callbacks, epochs=2):
    return model.fit(
        X, Y, validation_data=(X, Y), epochs=epochs, verbose=0, callbacks=list(callbacks)
    )


class TestSaveBundle:
    def test_the_bundle_is_the_model_as_it_was_after_its_epoch(self, tmp_path):
        model = compiled()
        history = fit(model, SaveBundle(tmp_path / "{epoch}", (X, Y)))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
        values = [reload.load(tmp_path / name).evaluate(X, Y, verbose=0)[0] for name in ("1", "2")]
        assert values == pytest.approx(history.history["val_loss"], rel=1e-6)
        report = reload.check(tmp_path / "2")
        assert report["ok"]
        assert "steps" in report["values"]
        assert reload.verify(tmp_path / "2")["lineage"] == {"epoch": 2}

    def test_training_goes_on_as_without_it(self, tmp_path):
        plain = fit(compiled(), epochs=3).history
        assert fit(compiled(), SaveBundle(tmp_path / "b", (X, Y)), epochs=3).history == plain

    def test_only_the_best_is_saved(self, tmp_path):
        model = compiled()
        model.optimizer.learning_rate = 1.0
        best = SaveBundle(tmp_path / "b", (X, Y), save_best_only=True)
        history = fit(model, best, epochs=3).history["val_loss"]
        assert np.argmin(history) != 2, "the last epoch must not be the best"
        epoch = reload.verify(tmp_path / "b")["lineage"]["epoch"]
        assert epoch == 1 + np.argmin(history)
        assert [path.name for path in tmp_path.iterdir()] == ["b"]

    def test_the_bundle_that_a_killed_process_had_moved_aside_is_kept(self, tmp_path):
        """The process died between the renames, and the next one cannot save."""
        fit(compiled(), SaveBundle(tmp_path / "b", (X, Y)), epochs=1)
        (tmp_path / "b").rename(tmp_path / ".b.old")
        next_one = SaveBundle(tmp_path / "b", (X, np.full_like(Y, np.nan)))
        with pytest.raises(InputError):
            fit(compiled(), next_one, epochs=1)
        assert reload.verify(tmp_path / "b")["lineage"] == {"epoch": 1}

    def test_a_model_that_fit_builds_is_saved_too(self, tmp_path):
        model = tf_keras.Sequential([tf_keras.layers.Dense(1)])
        model.compile("adam", HuberLoss(threshold=2.0))
        fit(model, SaveBundle(tmp_path / "b", (X, Y), save_best_only=True), epochs=1)
        assert reload.check(tmp_path / "b")["ok"]

    def test_rows_may_be_a_dataset_with_weights(self, tmp_path):
        weights = np.linspace(1, 2, 64).astype(np.float32)
        rows = tf.data.Dataset.from_tensor_slices((X, Y, weights)).batch(16)
        fit(compiled(), SaveBundle(tmp_path / "b", rows, lineage={"commit": "abc"}), epochs=1)
        assert reload.check(tmp_path / "b")["ok"]
        assert reload.verify(tmp_path / "b")["lineage"] == {"commit": "abc", "epoch": 1}


class TestRefusal:
    def untouched(self, model, callback):
        before = model.get_weights()
        with pytest.raises(InputError) as caught:
            fit(model, callback)
        assert all(map(np.array_equal, before, model.get_weights()))
        return caught.value

    def test_of_a_loss_that_no_bundle_can_carry_comes_before_training(self, tmp_path):
        model = compiled(loss=lambda y_true, y_pred: tf.reduce_mean(abs(y_true - y_pred), -1))
        error = self.untouched(model, SaveBundle(tmp_path / "b", (X, Y)))
        assert "lambda" in f"{error.key} {error.received}"
        assert not (tmp_path / "b").exists()

    def test_of_a_folder_of_something_else_comes_before_training(self, tmp_path):
        (tmp_path / "b").mkdir()
        error = self.untouched(compiled(), SaveBundle(tmp_path / "b", (X, Y)))
        assert (error.key, error.received) == ("path", str(tmp_path / "b"))

    def test_of_rows_that_are_none(self, tmp_path):
        with pytest.raises(InputError) as caught:
            SaveBundle(tmp_path / "b", X)
        assert caught.value.key == "validation_data"

    def test_of_a_log_that_is_not_there(self, tmp_path):
        best = SaveBundle(tmp_path / "b", (X, Y), monitor="val_huber", save_best_only=True)
        with pytest.raises(InputError) as caught:
            fit(compiled(), best)
        assert "val_huber_metric" in caught.value.expected


def test_progress_writes_a_row_per_epoch_in_a_new_folder(tmp_path):
    history = fit(compiled(), Progress(tmp_path / "runs" / "1"))
    with (tmp_path / "runs" / "1" / "epochs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1]
    assert [float(row["val_loss"]) for row in rows] == pytest.approx(history.history["val_loss"])
    assert all(float(row["steps_per_second"]) > 0 for row in rows)
