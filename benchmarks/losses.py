"""Loss and gradient over 10⁶ float32 values: HuberLoss against tf_keras's Huber.

Both are called as loss objects with the default reduction, on the same tensors, and differentiated
with respect to the predictions. Two shapes, for how values are laid out decides how they are
summed: one output per row (a regression's loss sees this) and a thousand outputs per row. Errors
fall on both sides of the threshold.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from benchmarks.pairs import Pairs
from huberflow.custom_objects.losses import HuberLoss

SHAPES = ((1_000_000, 1), (1_000, 1_000))
THRESHOLD = 1.0
GOALS = {"plain": 1.0, "XLA": 0.5}
WARM_UP = 10

Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def measure(pairs: int) -> list[Pairs]:
    """One row for each of ``SHAPES``, plain and compiled by XLA.

    Raises:
      AssertionError: the two losses disagree, so that their times do not compare.
    """
    return [_measure(pairs, shape, mode) for shape in SHAPES for mode in GOALS]


def _measure(pairs: int, shape: tuple[int, ...], mode: str) -> Pairs:
    stock = _step(tf_keras.losses.Huber(delta=THRESHOLD), xla=mode == "XLA")
    ours = _step(HuberLoss(threshold=THRESHOLD), xla=mode == "XLA")
    random = np.random.default_rng(0)
    y_true = tf.constant(random.normal(scale=2.0, size=shape), tf.float32)
    y_pred = tf.constant(random.normal(size=shape), tf.float32)
    _check_equal(stock(y_true, y_pred), ours(y_true, y_pred))
    seconds = [
        (_seconds(stock, y_true, y_pred), _seconds(ours, y_true, y_pred))
        for _ in range(WARM_UP + pairs)
    ]
    stock_seconds, our_seconds = zip(*seconds[WARM_UP:], strict=True)
    name = "x".join(str(length) for length in shape)
    return Pairs(f"{name} {mode}", GOALS[mode], stock_seconds, our_seconds)


def _step(loss: tf_keras.losses.Loss, *, xla: bool) -> Step:
    @tf.function(jit_compile=xla)
    def step(y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred)
        return value, tape.gradient(value, y_pred)

    return step


def _seconds(step: Step, *arguments: Any) -> float:
    start = time.perf_counter()
    step(*arguments)
    tf.test.experimental.sync_devices()
    return time.perf_counter() - start


def _check_equal(stock: tuple[Any, Any], ours: tuple[Any, Any]) -> None:
    # Loose for the loss: summed by XLA on a CPU, tf_keras's over 10⁶ x 1 is 4e-4 off.
    np.testing.assert_allclose(ours[0], stock[0], rtol=2e-3)
    np.testing.assert_allclose(ours[1], stock[1], rtol=1e-4, atol=1e-12)
