"""Of an optimizer that averages weights, the averages are judged, kept and served."""

import numpy as np
import pytest
import tf_keras

import huberflow
from huberflow.callbacks import SaveBundle
from huberflow.components.bundle import optimizer_state, reload
from huberflow.components.training.best_weights import BestWeights

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(32, 3)).astype(np.float32)
Y = (X @ [[1.0], [2.0], [3.0]]).astype(np.float32)
MOMENTUM = 0.75


class Recorded(tf_keras.callbacks.Callback):
    """The weights before the first step, and after each."""

    def on_train_begin(self, logs=None):
        self.weights = [self.model.get_weights()]

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append(self.model.get_weights())


def compiled(use_ema=True, **options):
    tf_keras.utils.set_random_seed(3)
    inputs = tf_keras.Input((3,), name="x")
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1, name="y")(inputs))
    sgd = tf_keras.optimizers.SGD(0.1, use_ema=use_ema, ema_momentum=MOMENTUM, **options)
    model.compile(sgd, "mse")
    return model


def fit(model, *callbacks, validation=(X, Y), epochs=3):
    return model.fit(
        X, Y, batch_size=8, validation_data=validation, epochs=epochs, shuffle=False, verbose=0,
        callbacks=list(callbacks),
    ).history  # fmt: skip


def averages_by_hand(epochs=3):
    """The moving average of kernel and bias after each epoch, from the weights of each step."""
    recorded = Recorded()
    fit(compiled(use_ema=False), recorded, epochs=epochs)
    average, found = recorded.weights[0], []
    for step, weights in enumerate(recorded.weights[1:], start=1):
        average = [MOMENTUM * a + (1 - MOMENTUM) * w for a, w in zip(average, weights, strict=True)]
        if step % 4 == 0:
            found.append(average)
    return found


def predicted(kernel, bias):
    return X @ kernel + bias


class TestWhatIsServed:
    def test_is_the_average_of_the_last_epoch_where_it_is_the_best(self, tmp_path):
        model = compiled()
        fit(model, BestWeights(patience=3))
        certificate = huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
        answers = huberflow.predictor(tmp_path / "b")(x=X)["y"]
        np.testing.assert_allclose(answers, predicted(*averages_by_hand()[-1]), rtol=1e-5)
        assert certificate["proof"]["weights"] == "moving average"
        assert certificate["proof"]["statement"].endswith(" Weights: moving average.")

    def test_is_the_average_of_the_best_epoch(self, tmp_path):
        """Training leads away from these labels: the first epoch is the best."""
        model = compiled()
        history = fit(model, BestWeights(patience=2), validation=(X, -Y), epochs=9)
        assert len(history["val_loss"]) == 3
        by_hand = averages_by_hand()
        np.testing.assert_allclose(model.get_weights()[0], by_hand[0][0], rtol=1e-5)
        assert optimizer_state.served_weights(model) == "moving average"

    def test_is_what_was_validated(self):
        history = fit(compiled(), BestWeights(patience=3))
        for loss, weights in zip(history["val_loss"], averages_by_hand(), strict=True):
            assert loss == pytest.approx(np.mean((predicted(*weights) - Y) ** 2), rel=1e-4)

    def test_is_said_to_be_the_last_step_before_training_has_ended(self, tmp_path):
        """Keras puts the averages into the model after the last epoch."""
        fit(compiled(), SaveBundle(tmp_path / "b", (X, Y)), epochs=1)
        proof = reload.verify(tmp_path / "b")["proof"]
        assert proof["weights"] == "as trained, not their moving average"

    def test_without_averages_is_as_trained(self, tmp_path):
        model = compiled(use_ema=False)
        fit(model, BestWeights(patience=3))
        assert optimizer_state.served_weights(model) == "as trained"


class TestTraining:
    def test_is_the_same_as_without_a_look_at_the_averages(self):
        recorded, plain = Recorded(), Recorded()
        fit(compiled(), BestWeights(patience=3), recorded)
        fit(compiled(), plain)
        for found, expected in zip(recorded.weights, plain.weights, strict=True):
            np.testing.assert_array_equal(found[0], expected[0])

    @pytest.mark.parametrize("options", [{}, {"ema_overwrite_frequency": 3}])
    def test_goes_on_from_a_bundle_bit_for_bit(self, options, tmp_path):
        model = compiled(**options)
        fit(model, BestWeights(patience=3))
        huberflow.save_bundle(model, tmp_path / "b", X, Y, check=False)
        resumed = reload.load(tmp_path / "b")
        for each in (model, resumed):
            with reload.deterministic_sums():
                fit(each, BestWeights(patience=3))
        for found, expected in zip(resumed.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)

    def test_with_a_scaled_loss_serves_the_averages_too(self):
        model = compiled()
        scaled = tf_keras.mixed_precision.LossScaleOptimizer(model.optimizer)
        model.compile(scaled, "mse")
        fit(model, BestWeights(patience=3))
        np.testing.assert_allclose(model.get_weights()[0], averages_by_hand()[-1][0], rtol=1e-4)
        assert optimizer_state.served_weights(model) == "moving average"
