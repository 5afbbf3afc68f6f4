"""The order in which TensorFlow adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .process import process_lock


@contextmanager
def deterministic_sums(*, fused: bool = False) -> Iterator[None]:
    """Makes TensorFlow add the terms of a sum in the order of the code.

    It otherwise orders them by the names of their ops, and a reload renames some: a loss with its
    penalties would differ in the last bit. So would a product and the sums after it, which it
    computes as one op where it knows the shapes, and a reloaded graph knows fewer.

    Args:
      fused: whether such ops stay, as in a server; the graph of a signature is the same everywhere.
    """
    import tensorflow as tf

    optimizer = tf.config.optimizer
    options = ["arithmetic_optimization", *([] if fused else ["remapping"])]
    with tf.experimental.function_executor_type(""):  # at its end, this thread has its own options
        with process_lock():
            before = optimizer.get_experimental_options()
            optimizer.set_experimental_options(dict.fromkeys(options, False))
            with tf.experimental.function_executor_type(""):  # keeps them for this thread ...
                restored = {option: before.get(option, True) for option in options}
                optimizer.set_experimental_options(restored)  # ... and no other one
        yield
