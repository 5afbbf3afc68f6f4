"""Small trained models that draw random numbers, or keep a state, of every kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tf_keras
from random_layers import GlobalGenerator, OfNumPy, OwnGenerator, Subclassed, Uniform

layers = tf_keras.layers
BATCH = 16


@dataclass(frozen=True)
class Case:
    """A model to build, and what of it differs each time."""

    build: Callable[[], tf_keras.Model]
    shape: tuple[int, ...] = (4,)
    differs: str = ""
    """As the certificate's statement says it."""
    compiled: tuple[tuple[str, Any], ...] = ()

    def trained(self) -> tuple[tf_keras.Model, np.ndarray, np.ndarray]:
        """The model after two steps, and its rows."""
        random = np.random.default_rng(0)
        inputs = random.normal(size=(2 * BATCH, *self.shape)).astype(np.float32)
        labels = random.normal(size=(2 * BATCH, 1)).astype(np.float32)
        model = self.build()
        model.compile("adam", "mse", **dict(self.compiled))
        model.fit(inputs, labels, batch_size=BATCH, verbose=0)
        return model, inputs, labels


def chain(*hidden, shape=(4,), batch=None, **arguments):
    """A functional model: these layers one after another, and a number for each row."""
    inputs = x = tf_keras.Input(shape, batch, name="x")
    for layer in hidden:
        x = layer(x, **arguments)
    x = layers.Flatten()(x)
    return tf_keras.Model(inputs, layers.Dense(1, name="out", dtype="float32")(x))


def noise():
    """Every layer of noise, without a seed and with one."""
    return (
        layers.Dense(8),
        *(layers.Dropout(0.4, seed=seed) for seed in SEEDS),
        *(layers.GaussianNoise(0.5, seed=seed) for seed in SEEDS),
        *(layers.GaussianDropout(0.3, seed=seed) for seed in SEEDS),
        *(layers.AlphaDropout(0.3, seed=seed) for seed in SEEDS),
        layers.Reshape((4, 2)),
        layers.SpatialDropout1D(0.4),
        layers.Reshape((2, 2, 2)),
        layers.SpatialDropout2D(0.4, seed=3),
    )


SEEDS = (None, 3)


def dropped():
    return layers.Dense(8), layers.Dropout(0.4), layers.GaussianNoise(0.3, seed=3)


def recurrent():
    drop = {"dropout": 0.3, "recurrent_dropout": 0.3}
    return (
        layers.LSTM(3, return_sequences=True, seed=3, **drop),
        layers.SimpleRNN(3, **drop),
    )


def augmentation(seed):
    return (
        layers.RandomFlip(seed=seed),
        layers.RandomRotation(0.2, seed=seed),
        layers.RandomZoom(0.2, seed=seed),
        layers.RandomTranslation(0.2, 0.2, seed=seed),
        layers.RandomContrast(0.3, seed=seed),
    )


def nested():
    inside = tf_keras.Sequential([layers.Dense(4), layers.Dropout(0.3), layers.GaussianNoise(0.1)])
    return chain(inside, tf_keras.Sequential([inside, layers.Dropout(0.3)]))


def of_generators():
    """With Keras's switch for generators instead of random ops."""
    experimental = tf_keras.backend.experimental
    experimental.enable_tf_random_generator()
    try:
        return chain(*dropped())
    finally:
        experimental.disable_tf_random_generator()


def half_precise():
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return chain(*dropped())
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


def remembering():
    return chain(
        layers.SimpleRNN(3, stateful=True, return_sequences=True),
        layers.GRU(3, stateful=True),
        layers.Dropout(0.4, seed=3),
        shape=(4, 2),
        batch=BATCH,
    )


def that_stays_here():
    """A model whose class does not travel, so that a reload has its graph."""

    class Here(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = tf_keras.Sequential(dropped())
            self.out = layers.Dense(1)

        def call(self, x, training=False):
            return self.out(self.hidden(x, training=training))

    return Here()


EVEN_THE_ANSWERS = "out of the answers of serving_default"
STEPS = "two training steps"

CASES = {
    "noise": Case(lambda: chain(*noise())),
    "noise of generators": Case(of_generators),
    "stateless noise": Case(lambda: chain(layers.Dropout(0.4, rng_type="stateless"))),
    "mixed precision": Case(half_precise),
    "run eagerly": Case(lambda: chain(*dropped()), compiled=(("run_eagerly", True),)),
    "recurrent dropout": Case(lambda: chain(*recurrent(), shape=(3, 2)), (3, 2)),
    "augmentation": Case(
        lambda: chain(*augmentation(None), *augmentation(3), shape=(6, 6, 1)), (6, 6, 1)
    ),
    "user's layers": Case(lambda: chain(Uniform(), OwnGenerator(), GlobalGenerator())),
    "nested models": Case(nested),
    "subclassed": Case(Subclassed),
    "stateful": Case(remembering, (4, 2)),
    "random predictions": Case(lambda: chain(*dropped(), training=True), differs=EVEN_THE_ANSWERS),
    "NumPy's numbers": Case(lambda: chain(OfNumPy()), differs=STEPS),
    "a class that stays": Case(that_stays_here, differs=STEPS),
}
