"""Models that differ in how they are made: nested, subclassed, with a precision of their own."""

import numpy as np
import tf_keras
from matrix_objects import Clipped, Halved, Reconstructing, Tied, Tower
from tf_keras import layers

from .kinds import (
    NUMBERS,
    TARGET,
    TOKENS,
    Case,
    case,
    compiled_case,
    input_of,
    kind,
    stack,
)

FORMS, PRECISIONS = "Forms of a model", "Precisions"


@kind(FORMS, "Sequential, with its input")
def sequential() -> Case:
    model = tf_keras.Sequential([input_of(NUMBERS), layers.Dense(3, "relu"), layers.Dense(1)])
    return compiled_case(model, NUMBERS, TARGET)


@kind(FORMS, "Sequential, built at its first call")
def deferred() -> Case:
    model = tf_keras.Sequential([layers.Dense(3, "relu"), layers.Dense(1)])
    model.predict_on_batch(NUMBERS)  # Keras infers from it how many rows the model takes at once
    return compiled_case(model, NUMBERS, TARGET)


@kind(FORMS, "models in models")
def nested() -> Case:
    x = input_of(NUMBERS)
    inner = tf_keras.Model(x, layers.Dense(3)(x), name="inner")
    middle = tf_keras.Sequential([inner, layers.BatchNormalization()], name="middle")
    outer = input_of(NUMBERS)
    return case(outer, layers.Dense(1)(middle(outer)), NUMBERS, TARGET)


@kind(FORMS, "subclassed, with get_config")
def subclassed() -> Case:
    return compiled_case(Tower(units=3, depth=2), NUMBERS, TARGET, metrics=["mae"])


@kind(FORMS, "subclassed, of inputs by name")
def subclassed_by_name() -> Case:
    rows = {"a": NUMBERS[:, :2], "b": NUMBERS[:, 2:]}
    return compiled_case(Halved(3), rows, TARGET)


@kind(FORMS, "tied weights")
def tied() -> Case:
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return compiled_case(Tied(words=9, width=3), TOKENS, TOKENS, loss=loss)


@kind(FORMS, "a train_step of its own")
def own_train_step() -> Case:
    x = input_of(NUMBERS)
    model = Clipped(x, layers.Dense(1)(layers.Dense(3, "relu")(x)))
    return compiled_case(model, NUMBERS, TARGET, metrics=["mae"])


@kind(FORMS, "a train_step of its own, frozen layers")
def own_train_step_frozen() -> Case:
    x = input_of(NUMBERS)
    hidden, normalize = layers.Dense(3, "relu"), layers.BatchNormalization()
    model = Clipped(x, layers.Dense(1)(normalize(hidden(x))))
    hidden.trainable = normalize.trainable = False
    return compiled_case(model, NUMBERS, TARGET)


@kind(FORMS, "steps of its own without labels (an autoencoder)")
def own_steps_without_labels() -> Case:
    return compiled_case(Reconstructing(2), NUMBERS, None, loss=None)


@kind(FORMS, "LinearModel of tf_keras.experimental")
def linear_model() -> Case:
    model = tf_keras.experimental.LinearModel(kernel_regularizer="l2")
    return compiled_case(model, NUMBERS, TARGET)


@kind(FORMS, "WideDeepModel of tf_keras.experimental")
def wide_and_deep() -> Case:
    return compiled_case(wide_deep_model(), NUMBERS, TARGET)


def wide_deep_model() -> tf_keras.Model:
    deep = tf_keras.Sequential([layers.Dense(3, "relu"), layers.Dense(1)])
    return tf_keras.experimental.WideDeepModel(tf_keras.experimental.LinearModel(), deep)


@kind(PRECISIONS, "float64")
def double() -> Case:
    rows = NUMBERS.astype(np.float64)
    hidden, head = layers.Dense(3, "relu", dtype="float64"), layers.Dense(1, dtype="float64")
    return stack(hidden, head=head, rows=rows, labels=TARGET.astype(np.float64))


@kind(PRECISIONS, "mixed_bfloat16, with an answer in bfloat16")
def bfloat16() -> Case:
    hidden = layers.Dense(3, "relu", dtype="mixed_bfloat16")
    return stack(hidden, head=layers.Dense(1, dtype="mixed_bfloat16"))


@kind(PRECISIONS, "mixed_float16, with a loss scale")
def float16() -> Case:
    hidden = layers.Dense(3, "relu", dtype="mixed_float16")
    scaled = tf_keras.mixed_precision.LossScaleOptimizer(tf_keras.optimizers.SGD(0.1))
    return stack(hidden, head=layers.Dense(1, dtype="float32"), optimizer=scaled)
