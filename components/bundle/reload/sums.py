"""The order in which TensorFlow adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .process import process_lock


@contextmanager
def deterministic_sums() -> Iterator[None]:
    """Makes TensorFlow compute sums as the code has them.

    It otherwise orders their terms by the names of their ops, and a reload renames some: a loss
    with its penalties would differ in the last bit. So would a product and the sums after it, which
    it computes at once where the shapes are known, and a reloaded graph knows fewer.
    """
    import tensorflow as tf

    optimizer = tf.config.optimizer
    with tf.experimental.function_executor_type(""):  # at its end, this thread has its own options
        with process_lock():
            before = optimizer.get_experimental_options()
            optimizer.set_experimental_options(dict.fromkeys(_REORDER, False))
            with tf.experimental.function_executor_type(""):  # keeps them for this thread ...
                restored = {option: before.get(option, True) for option in _REORDER}
                optimizer.set_experimental_options(restored)  # ... and no other one
        yield


_REORDER = ("arithmetic_optimization", "remapping")
"""TensorFlow's optimizations that change the order of a sum."""
