"""The command line: parse, merge, validate, run. Every verb imports only what it needs."""

import os

# TFT, TFMA and MLflow look at tf.keras; before TensorFlow is imported, here and in subprocesses.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
# MLflow would tell its makers of every use; nothing leaves this machine unasked.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
