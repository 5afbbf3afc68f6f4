"""The command line. Each verb imports only what it needs."""

import os

# TFT, TFMA and MLflow use tf.keras; this must be set before TensorFlow is imported, also in
# subprocesses.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
# Otherwise MLflow would report each use to its developers.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
