"""Requests that TF Serving runs on a new model before it lets users in."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

REQUESTS = "tf_serving_warmup_requests"
"""The name that TF Serving looks for in ``assets.extra/``."""


def write(examples: Path, signatures: Mapping[str, Any], path: Path) -> None:
    """A small and a large request for each signature, made of serialized ``tf.Example``s.

    Args:
      examples: a TFRecord file.
      signatures: by name, their ``inputs`` with ``dtype`` and ``shape``. One that is named
        ``examples`` takes rows as they are; any other takes the column of its name.
      path: of the file to write, a TFRecord of ``PredictionLog``.
    """
    rows = list(tf.data.TFRecordDataset(str(examples)).take(max(_SIZES)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, signature in signatures.items():
            for size in _SIZES:
                inputs = dict(_inputs(rows[:size], signature["inputs"]))
                writer.write(_request(name, inputs).SerializeToString())


_SIZES = (1, 32)


def _inputs(rows: Sequence[bytes], inputs: Mapping[str, Any]) -> Iterator[tuple[str, tf.Tensor]]:
    parsed = [tf.train.Example.FromString(row).features.feature for row in rows]
    for name, spec in inputs.items():
        missing = b"" if spec["dtype"] == "string" else float("nan")
        column = [_value(features[name], missing) for features in parsed]
        yield name, tf.constant(rows if name == "examples" else column, spec["dtype"])


def _value(feature: Any, missing: Any) -> Any:
    kind = feature.WhichOneof("kind")
    values = getattr(feature, kind).value if kind else []
    return values[0] if values else missing


def _request(signature: str, inputs: Mapping[str, tf.Tensor]) -> Any:
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
