"""Of few validation rows, the weights that are kept are those of an epoch that is not too sure."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from huberflow.components.contracts.model_config import ObjectChoice, TrainingConfig
from huberflow.components.training import cautious_loss, fitting
from huberflow.components.training.cautious_loss import CautiousLoss
from huberflow.components.training.class_weight import ClassWeightedLoss

RANDOM = np.random.default_rng(4)
LOSSES = {2: "BinaryCrossentropy", 3: "SparseCategoricalCrossentropy"}


def table(classes, rows):
    """Classes that one number tells apart."""
    labels = RANDOM.integers(0, classes, rows).astype(np.float32)
    numbers = (labels[:, np.newaxis] + RANDOM.normal(0, 0.1, (rows, 1))).astype(np.float32)
    return {"numbers": numbers}, labels


def network(classes):
    tf_keras.utils.set_random_seed(2)
    numbers = tf_keras.Input((1,), name="numbers")
    hidden = tf_keras.layers.Dense(16, "relu")(numbers)
    last = {2: (1, "sigmoid"), 3: (3, "softmax")}[classes]
    return tf_keras.Model({"numbers": numbers}, tf_keras.layers.Dense(*last)(hidden))


def compiled(classes, loss=None):
    model = network(classes)
    model.compile("adam", loss or getattr(tf_keras.losses, LOSSES[classes])())
    return model


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("classes", LOSSES)
def test_is_cross_entropy_with_one_more_row_whose_class_is_drawn_by_lot(classes, weighted):
    (features, labels), model = table(classes, 20), compiled(classes)
    weights = RANDOM.uniform(0.5, 2, 20).astype(np.float32)
    columns = (features, labels, weights) if weighted else (features, labels)
    found = CautiousLoss(tf.data.Dataset.from_tensor_slices(columns).batch(8), classes)(model)
    predicted = model(features).numpy().astype(np.float64)
    predicted = np.hstack([1 - predicted, predicted]) if classes == 2 else predicted
    smooth = np.eye(classes)[labels.astype(int)] * 20 / 21 + 1 / 21 / classes
    by_row = -(smooth * np.log(predicted)).sum(axis=1)
    expected = np.average(by_row, weights=weights if weighted else None)
    assert found == pytest.approx(expected, rel=1e-5)


def test_counts_classes_by_their_weights_as_the_loss_does():
    (features, labels), weights = table(2, 30), (1.0, 5.0)
    loss = tf_keras.losses.BinaryCrossentropy()
    rows = tf.data.Dataset.from_tensors((features, labels))
    plain, weighted = (
        CautiousLoss(rows, 2)(compiled(2, each))
        for each in (loss, ClassWeightedLoss(loss, weights))
    )
    assert plain < weighted < 5 * plain


def test_is_not_needed_of_many_rows(monkeypatch):
    rows = tf.data.Dataset.from_tensors(table(2, 30))
    assert CautiousLoss(rows, 2).is_needed
    monkeypatch.setattr(cautious_loss, "MOST_ROWS", 29)
    assert not CautiousLoss(rows, 2).is_needed


def test_decides_which_epoch_is_kept(tmp_path):
    """The validation loss falls until the end, for all these rows are told apart."""
    model = compiled(2)
    train, validation = (
        tf.data.Dataset.from_tensor_slices(table(2, rows)).batch(16) for rows in (160, 12)
    )
    training = TrainingConfig(loss=ObjectChoice(name="BinaryCrossentropy"), epochs=60,
                              optimizer=ObjectChoice(name="Adam"))  # fmt: skip
    model.optimizer.learning_rate = 0.03
    history = fitting.fit(model, train, validation, training, tmp_path, classes=2).history
    kept = int(np.argmin(history["val_cautious_loss"]))
    assert kept < int(np.argmin(history["val_loss"]))
    assert model.evaluate(validation, verbose=0) == pytest.approx(history["val_loss"][kept])
    assert "val_cautious_loss" in (tmp_path / "epochs.csv").read_text()
