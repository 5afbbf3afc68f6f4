"""Models and rows that a bundle refuses."""

import tensorflow as tf
import tf_keras
from matrix_objects import Adversarial
from tf_keras import layers

from .kinds import NUMBERS, TARGET, TOKENS, Case, compiled_case, refused
from .models import wide_deep_model


@refused("ragged rows", key="inputs", expected="a dense array or tensor")
def ragged() -> Case:
    rows = tf.RaggedTensor.from_tensor(TOKENS, padding=0)
    inputs = tf_keras.Input((None,), dtype="int64", ragged=True)
    hidden = layers.GlobalAveragePooling1D()(layers.Embedding(9, 2)(inputs))
    model = tf_keras.Model(inputs, layers.Dense(1)(hidden))
    return compiled_case(model, rows, tf.constant(TARGET))


@refused("sparse rows", key="inputs", expected="a dense array or tensor")
def sparse() -> Case:
    inputs = tf_keras.Input((4,), sparse=True)
    model = tf_keras.Model(inputs, layers.Dense(1)(inputs))
    return compiled_case(model, tf.sparse.from_dense(NUMBERS), tf.constant(TARGET))


@refused("an optimizer for each part (WideDeepModel)", key="optimizer", expected="an optimizer of")
def two_optimizers() -> Case:
    optimizers = [tf_keras.optimizers.Ftrl(0.1), tf_keras.optimizers.Adagrad(0.1)]
    return compiled_case(wide_deep_model(), [NUMBERS, -NUMBERS], TARGET, optimizer=optimizers)


@refused("Lambda layers", key="twice", expected="layers whose code is in a module")
def lambda_layer() -> Case:
    inputs = tf_keras.Input((4,))
    hidden = layers.Lambda(lambda x: 2 * x, name="twice")(inputs)
    return compiled_case(tf_keras.Model(inputs, layers.Dense(1)(hidden)), NUMBERS, TARGET)


@refused("other arguments of compile (a GAN)", key="model", expected="takes what Keras's takes")
def adversarial() -> Case:
    model = Adversarial()
    model.compile(tf_keras.optimizers.Adam(), tf_keras.optimizers.Adam())
    return Case(model, NUMBERS, NUMBERS)
