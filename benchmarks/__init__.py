"""Compares huberflow with other implementations and with itself: ``python -m benchmarks``.

Pairs are interleaved (stock, huberflow, stock, huberflow, ...), so that a change in the machine's
speed affects both sides; the result is the ratio within a pair. Times vary: a missed goal is
printed, and never fails the command.
"""

import os

# Before TensorFlow is imported, here and in subprocesses: `tf.keras` is then Keras 2 everywhere.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
