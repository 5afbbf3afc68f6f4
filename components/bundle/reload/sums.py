"""The order in which TensorFlow adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .process import process_lock

if TYPE_CHECKING:
    pass


@contextmanager
def deterministic_sums() -> Iterator[None]:
    """Makes TensorFlow add the terms of a sum in the order of the code.

    It otherwise orders them by the names of their ops, and a reload renames some: a loss with its
    penalties would differ in the last bit.
    """
    import tensorflow as tf

    optimizer, option = tf.config.optimizer, "arithmetic_optimization"
    with tf.experimental.function_executor_type(""):  # at its end, this thread has its own options
        with process_lock():
            before = optimizer.get_experimental_options().get(option, True)
            optimizer.set_experimental_options({option: False})
            with tf.experimental.function_executor_type(""):  # keeps them for this thread ...
                optimizer.set_experimental_options({option: before})  # ... and no other one
        yield
