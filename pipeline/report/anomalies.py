"""What ExampleValidator found, in words."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2

from pipeline.report.statistics import split_name, splits


def text(folder: Path) -> str | None:
    """Split by split, what was expected of a column and what came; none without a result.

    Args:
      folder: ExampleValidator's artifact.
    """
    found = splits(folder, "SchemaDiff.pb")
    blocks = [_split(split_name(path), path.read_bytes()) for path in found]
    return "\n".join(blocks) if blocks else None


def _split(name: str, content: bytes) -> str:
    lines = list(_lines(anomalies_pb2.Anomalies.FromString(content)))
    return "\n".join([f"{name}:", *(f"  {line}" for line in lines or ["no anomalies"])]) + "\n"


def _lines(anomalies: Any) -> Iterable[str]:
    if anomalies.data_missing:
        yield "expected rows, and there are none"
    for info in anomalies.dataset_anomaly_info.reason:
        yield f"the whole split: {_reason(info)}"
    for column, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason or [info]:
            yield f"{column}: {_reason(reason)}"


def _reason(reason: Any) -> str:
    return ": ".join(filter(None, [reason.short_description, reason.description]))
