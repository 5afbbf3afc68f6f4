"""Models that differ in what they predict, and how that is judged and weighed."""

import numpy as np
import tensorflow as tf
import tf_keras
from matrix_objects import LargestError, asymmetric_loss, rounded_error
from tf_keras import layers

from .kinds import CLASSES, NUMBERS, TARGET, WEIGHTS, YES_OR_NO, Case, case, input_of, kind, stack

ANSWERS, LOSSES = "Answers", "Losses, metrics and weights"
SPARSE = "sparse_categorical_crossentropy"
LABELS = (NUMBERS[:, :3] > 0).astype(np.float32)


@kind(ANSWERS, "binary")
def binary() -> Case:
    metrics = ["accuracy", tf_keras.metrics.AUC(num_thresholds=5), tf_keras.metrics.Precision()]
    head = layers.Dense(1, "sigmoid")
    return stack(labels=YES_OR_NO, head=head, loss="binary_crossentropy", metrics=metrics)


@kind(ANSWERS, "multi-class, with class_weight")
def multi_class() -> Case:
    weight = {0: 0.5, 1: 2.0, 2: 1.0}
    head = layers.Dense(3, "softmax")
    return stack(labels=CLASSES, head=head, loss=SPARSE, metrics=["accuracy"], class_weight=weight)


@kind(ANSWERS, "multi-label")
def multi_label() -> Case:
    head, f1 = layers.Dense(3, "sigmoid"), tf_keras.metrics.F1Score(threshold=0.5)
    loss = tf_keras.losses.BinaryFocalCrossentropy(gamma=1.5)
    return stack(labels=LABELS, head=head, loss=loss, metrics=[f1])


@kind(ANSWERS, "ordinal")
def ordinal() -> Case:
    above = (CLASSES[:, np.newaxis] > np.arange(2)).astype(np.float32)
    head = layers.Dense(2, "sigmoid")
    return stack(labels=above, head=head, loss="binary_crossentropy", metrics=["mae"])


@kind(ANSWERS, "logits (from_logits=True)")
def logits() -> Case:
    loss = tf_keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    labels = np.eye(3, dtype=np.float32)[CLASSES]
    return stack(labels=labels, head=layers.Dense(3), loss=loss, metrics=["accuracy"])


@kind(ANSWERS, "several outputs as a dict, a loss and weight each")
def outputs_by_name() -> Case:
    x = input_of(NUMBERS)
    outputs = {"price": layers.Dense(1)(x), "kind": layers.Dense(3, "softmax")(x)}
    rows = {"price": TARGET, "kind": CLASSES}
    return case(
        x,
        outputs,
        NUMBERS,
        rows,
        loss={"price": "mae", "kind": SPARSE},
        loss_weights={"price": 0.2, "kind": 3.0},
        metrics={"kind": ["accuracy"]},
        weighted_metrics={"price": [tf_keras.metrics.RootMeanSquaredError()]},
        sample_weight={"price": WEIGHTS, "kind": WEIGHTS[::-1].copy()},
    )


@kind(ANSWERS, "several inputs and outputs as lists, a loss and weight each")
def outputs_in_a_list() -> Case:
    a, b = input_of(NUMBERS, name="a"), input_of(NUMBERS, name="b")
    both = layers.Multiply()([layers.Dense(3)(a), layers.Dense(3)(b)])
    outputs = [layers.Dense(1, name="price")(both), layers.Dense(1, "sigmoid", name="sold")(both)]
    return case(
        [a, b],
        outputs,
        [NUMBERS, -NUMBERS],
        [TARGET, YES_OR_NO],
        loss=[tf_keras.losses.Huber(0.5), "binary_crossentropy"],
        loss_weights=[0.3, 2.0],
        metrics=[["mae"], ["accuracy"]],
    )


@kind(ANSWERS, "an output that has no loss")
def output_without_loss() -> Case:
    x = input_of(NUMBERS)
    hidden = layers.Dense(3, name="hidden")(x)
    outputs = {"hidden": hidden, "price": layers.Dense(1, name="price")(hidden)}
    return case(x, outputs, NUMBERS, {"price": TARGET}, loss={"price": "mse"})


@kind(LOSSES, "a function as the loss, a function as a metric")
def functions() -> Case:
    return stack(loss=asymmetric_loss, metrics=[rounded_error])


@kind(LOSSES, "metric objects of your own, sample weights and weighted_metrics")
def own_metrics() -> Case:
    own = LargestError(scale=2.0)
    return stack(metrics=[own], weighted_metrics=["mae", "mse"], sample_weight=WEIGHTS)


@kind(LOSSES, "add_loss and add_metric")
def added_loss() -> Case:
    x = input_of(NUMBERS)
    hidden = layers.Dense(3, "relu")(x)
    made = case(x, layers.Dense(1)(hidden), NUMBERS, TARGET)
    made.model.add_loss(0.1 * tf.reduce_mean(tf.square(hidden)))
    made.model.add_metric(tf.reduce_sum(hidden, axis=1), name="activity", aggregation="mean")
    made.model.compile("adam", "mse", metrics=["mae"])
    return made


@kind(LOSSES, "add_loss alone (an autoencoder)")
def autoencoder() -> Case:
    x = input_of(NUMBERS)
    mean, spread = layers.Dense(2, name="mean")(x), layers.Dense(2, name="spread")(x)
    decoded = layers.Dense(4)(mean)
    divergence = tf.reduce_mean(tf.square(mean) + tf.exp(spread) - spread - 1)
    model = tf_keras.Model(x, decoded)
    model.add_loss(tf.reduce_mean(tf.square(decoded - x)) + 0.1 * divergence)
    model.compile("sgd", loss=None)
    return Case(model, NUMBERS)
