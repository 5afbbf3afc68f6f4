"""Loss and gradient over 10⁶ float32 values: HuberLoss against tf_keras's Huber.

Both are called as loss objects with the default reduction, on the same tensors, and differentiated
with respect to the predictions. There are two shapes, because sums depend on the layout: one output
per row, as in a regression, and a thousand outputs per row. Errors are on both sides of the
threshold.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks.harness import Pairs, seconds_of, show
from huberflow.custom_objects.losses import HuberLoss

SHAPES = ((1_000_000, 1), (1_000, 1_000))
THRESHOLD = 1.0
GOALS = {"plain": 1.0, "XLA": 0.5}
WARM_UP = 10

Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def run(pairs: int) -> None:
    """Measures each of ``SHAPES``, plain and compiled by XLA.

    Raises:
      AssertionError: the two losses disagree, so their times are not comparable.
    """
    measured = [_measure(pairs, shape, mode) for shape in SHAPES for mode in GOALS]
    show("Loss and gradient, 10⁶ float32 values", measured)


def _measure(pairs: int, shape: tuple[int, ...], mode: str) -> Pairs:
    stock = _step(tf_keras.losses.Huber(delta=THRESHOLD), xla=mode == "XLA")
    new = _step(HuberLoss(threshold=THRESHOLD), xla=mode == "XLA")
    random = np.random.default_rng(0)
    y_true = tf.constant(random.normal(scale=2.0, size=shape), tf.float32)
    y_pred = tf.constant(random.normal(size=shape), tf.float32)
    _check_equal(stock(y_true, y_pred), new(y_true, y_pred))
    seconds = [
        (_seconds(stock, y_true, y_pred), _seconds(new, y_true, y_pred))
        for _ in range(WARM_UP + pairs)
    ]
    name = "x".join(str(length) for length in shape)
    return Pairs(f"{name} {mode}", GOALS[mode], seconds[WARM_UP:])


def _step(loss: tf_keras.losses.Loss, *, xla: bool) -> Step:
    @tf.function(jit_compile=xla)
    def step(y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred)
        return value, tape.gradient(value, y_pred)

    return step


def _seconds(step: Step, y_true: tf.Tensor, y_pred: tf.Tensor) -> float:
    return seconds_of(lambda: (step(y_true, y_pred), tf.test.experimental.sync_devices()))


def _check_equal(stock: tuple[tf.Tensor, ...], new: tuple[tf.Tensor, ...]) -> None:
    # The sum of tf_keras's loss over 10⁶ x 1, by XLA on a CPU, is off by 4e-4.
    np.testing.assert_allclose(new[0], stock[0], rtol=2e-3)
    np.testing.assert_allclose(new[1], stock[1], rtol=1e-4, atol=1e-12)
