"""Requests that TF Serving runs on a new model before it lets users in."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:  # imported when requests are written: it takes a second
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

REQUESTS = "tf_serving_warmup_requests"
"""The name that TF Serving looks for in ``assets.extra/``."""


def write_requests(
    requests: Mapping[str, Mapping[str, np.ndarray]],
    specs: Mapping[str, Mapping[str, tf.TensorSpec]],
    path: Path,
) -> None:
    """Writes a small and a large request for each signature.

    No file where there is no signature, or where tensorflow-serving-api is not installed.

    Args:
      requests: for some signatures, arrays of rows for each argument.
      specs: the arguments of each signature.
      path: the file to write, a TFRecord of ``PredictionLog``.
    """
    if not requests or find_spec("tensorflow_serving") is None:
        return
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, arguments in requests.items():
            for rows in _sizes(arguments, specs[name]):
                inputs = {n: tf.constant(each, specs[name][n].dtype) for n, each in rows.items()}
                writer.write(_request(name, inputs).SerializeToString())


_SIZES = (1, 32)


def _sizes(
    arguments: Mapping[str, np.ndarray], specs: Mapping[str, tf.TensorSpec]
) -> Iterator[Mapping[str, np.ndarray]]:
    """The first row, and some rows; of a signature that takes a fixed number, all as they are."""
    if not all(_takes_any_rows(spec) for spec in specs.values()):
        yield arguments
        return
    for size in _SIZES:
        yield {name: array[:size] for name, array in arguments.items()}


def _takes_any_rows(spec: tf.TensorSpec) -> bool:
    return bool(spec.shape.rank) and spec.shape[0] is None


def _request(signature: str, inputs: Mapping[str, tf.Tensor]) -> "PredictionLog":
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
