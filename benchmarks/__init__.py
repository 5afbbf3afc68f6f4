"""Measures us against what people use today: ``python -m benchmarks``.

Pairs are interleaved (stock, ours, stock, ours, ...), so that a machine that slows down or speeds
up meanwhile slows both; what counts is the ratio within a pair. Timings are noise as well as
signal: a missed goal is printed, and never fails the command.
"""

import os

# Before TensorFlow is imported, here and in subprocesses: `tf.keras` is then Keras 2 for all.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
