"""Classes count in the loss by their weights, as in Keras; metrics know nothing of it."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from sklearn.utils.class_weight import compute_class_weight

from huberflow.components.contracts.constant_prediction import ConstantPrediction
from huberflow.components.contracts.model_config import TrainingConfig
from huberflow.components.contracts.target import Target
from huberflow.components.training import fitting
from huberflow.components.training.class_weight import ClassWeightedLoss, class_weights

TWO, THREE = Target(("kind",), ("no", "yes")), Target(("kind",), ("a", "b", "c"))
RANDOM = np.random.default_rng(41)
COUNT = 192


def shares(target, truth):
    """The constant prediction of these train rows."""
    found = np.bincount(truth, minlength=len(target.classes)) / len(truth)
    return ConstantPrediction(tuple(found[-target.width :]))


@pytest.mark.parametrize("target", [TWO, THREE])
class TestWeights:
    def truth(self, target):
        return RANDOM.choice(len(target.classes), 300, p=[0.9, 0.1] if target is TWO else None)

    def test_balanced_is_what_scikit_learn_means(self, target):
        truth = self.truth(target)
        expected = compute_class_weight("balanced", classes=np.unique(truth), y=truth)
        assert class_weights("balanced", target, shares(target, truth)) == pytest.approx(expected)

    def test_of_a_table_are_relative_and_1_where_it_names_none(self, target):
        truth = self.truth(target)
        weights = class_weights({target.classes[1]: 5}, target, shares(target, truth))
        assert weights[1] == pytest.approx(5 * weights[0])
        assert np.take(weights, truth).mean() == pytest.approx(1)

    def test_where_none_is_asked_for_there_is_none(self, target):
        assert class_weights(None, target, shares(target, self.truth(target))) == ()


def test_a_class_without_train_rows_changes_nothing():
    weights = class_weights("balanced", THREE, ConstantPrediction((0.75, 0.25, 0.0)))
    assert weights[:2] == pytest.approx((2 / 3, 2))
    assert np.isfinite(weights[2])


LOSSES = {TWO: "BinaryCrossentropy", THREE: "SparseCategoricalCrossentropy"}
METRICS = {TWO: "BinaryAccuracy", THREE: "SparseCategoricalAccuracy"}


def training(target, **changes):
    choices = {
        "loss": {"name": LOSSES[target], "config": {}},
        "metrics": [{"name": METRICS[target], "config": {}}],
        "optimizer": {"name": "SGD", "config": {"learning_rate": 0.1}},
        "epochs": 2,
        "batch_size": 32,
    }
    return TrainingConfig.from_json({**choices, **changes})


def network(target):
    tf_keras.utils.set_random_seed(3)
    activation = "softmax" if target.width > 1 else "sigmoid"
    layer = tf_keras.layers.Dense(target.width, activation)
    return tf_keras.Sequential([tf_keras.Input((3,)), layer])


def rows(target):
    """Features, classes, and a weight for each row."""
    features = RANDOM.normal(size=(COUNT, 3)).astype(np.float32)
    truth = RANDOM.integers(0, len(target.classes), COUNT).astype(np.float32)
    return features, truth, RANDOM.uniform(0.5, 1.5, COUNT).astype(np.float32)


def ours(target, data, folder, weights, **changes):
    model, config = network(target), training(target, **changes)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(32)
    weighted = len(data) > 2
    fitting.compile_model(model, config, weighted=weighted, class_weights=weights)
    return model, fitting.fit(model, batches, batches, config, folder).history


def of_keras(target, data, weights):
    """The same rows, with the weights of classes where Keras takes them."""
    model = network(target)
    loss = getattr(tf_keras.losses, LOSSES[target])()
    model.compile(tf_keras.optimizers.SGD(0.1), loss)
    features, truth, *row_weights = data
    return model, model.fit(
        features,
        truth,
        32,
        epochs=2,
        shuffle=False,
        verbose=0,
        sample_weight=row_weights[0] if row_weights else None,
        class_weight=dict(enumerate(weights)),
    ).history


@pytest.mark.parametrize("has_row_weights", [False, True])
@pytest.mark.parametrize("target", [TWO, THREE])
def test_training_is_that_of_keras(target, has_row_weights, tmp_path):
    data = rows(target)[: 3 if has_row_weights else 2]
    weights = (0.5, 3.0, 1.2)[: len(target.classes)]
    expected, history = of_keras(target, data, weights)
    model, found = ours(target, data, tmp_path, weights)
    assert found["loss"] == pytest.approx(history["loss"], rel=1e-5)
    assert found["val_loss"][1] < found["val_loss"][0]
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("has_row_weights", [False, True])
@pytest.mark.parametrize("target", [TWO, THREE])
def test_metrics_count_each_row_as_without(target, has_row_weights, tmp_path):
    data = rows(target)[: 3 if has_row_weights else 2]
    frozen = {"name": "SGD", "config": {"learning_rate": 1e-12}}
    histories = [
        ours(target, data, tmp_path, weights, optimizer=frozen, epochs=1)[1]
        for weights in ((), (0.1, 9.0, 1.0)[: len(target.classes)])
    ]
    without, weighed = histories
    names = [name for name in without if name.endswith("accuracy")]
    assert len(names) == 2  # of train and of validation rows
    for name in names:
        assert weighed[name] == pytest.approx(without[name])
    assert weighed["val_loss"] != pytest.approx(without["val_loss"], rel=0.1)


def test_a_model_goes_on_with_the_loss_itself(tmp_path):
    """What a bundle proves knows no weights; the optimizer's state stays."""
    data = rows(TWO)[:2]
    model, _ = ours(TWO, data, tmp_path, (0.5, 5.0))
    steps = int(model.optimizer.iterations)
    fitting.compile_model(model, training(TWO), optimizer=model.optimizer)
    assert int(model.optimizer.iterations) == steps == 2 * COUNT / 32
    plain = tf_keras.losses.BinaryCrossentropy()(data[1][:, None], model.predict(data[0])).numpy()
    assert model.evaluate(*data, verbose=0)[0] == pytest.approx(plain, rel=1e-5)


def test_functions_and_reductions_are_kept():
    loss = tf_keras.losses.MeanSquaredError(reduction="sum")
    truth, predicted = tf.constant([[0.0], [1.0]]), tf.constant([[0.5], [0.5]])
    assert float(ClassWeightedLoss(loss, (1, 3))(truth, predicted)) == pytest.approx(1.0)
    function = tf_keras.losses.mean_squared_error
    assert float(ClassWeightedLoss(function, (1, 3))(truth, predicted)) == pytest.approx(0.5)
