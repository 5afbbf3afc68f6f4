"""Requests that TF Serving runs on a new model before it lets users in."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:  # imported when requests are written: it takes a second
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

REQUESTS = "tf_serving_warmup_requests"
"""The name that TF Serving looks for in ``assets.extra/``."""


def write_requests(examples: Path, signatures: Mapping[str, Mapping[str, str]], path: Path) -> None:
    """Writes a small and a large request for each signature.

    Args:
      examples: a TFRecord file of serialized ``tf.Example``s, which the requests are made of.
      signatures: for each, the dtype of each input. An input called ``examples`` takes rows as they
        are; any other takes the column of its name.
      path: the file to write, a TFRecord of ``PredictionLog``.
    """
    rows = list(tf.data.TFRecordDataset(str(examples)).take(max(_SIZES)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, signature in signatures.items():
            for size in _SIZES:
                inputs = dict(_inputs(rows[:size], signature))
                writer.write(_request(name, inputs).SerializeToString())


_SIZES = (1, 32)


def _inputs(rows: Sequence[bytes], inputs: Mapping[str, str]) -> Iterator[tuple[str, tf.Tensor]]:
    parsed = [tf.train.Example.FromString(row).features.feature for row in rows]
    for name, dtype in inputs.items():
        missing = b"" if dtype == "string" else float("nan")
        column = [_value(features[name], missing) for features in parsed]
        yield name, tf.constant(rows if name == "examples" else column, dtype)


def _value(feature: tf.train.Feature, missing: bytes | float) -> bytes | float:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else []
    return values[0] if values else missing


def _request(signature: str, inputs: Mapping[str, tf.Tensor]) -> "PredictionLog":
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
