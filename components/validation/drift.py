"""How far two sets of rows are apart, column by column, as TFDV measures it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

Kind = Literal["drift", "skew"]

_FIELDS = {
    1: "infinity_norm",
    2: "jensen_shannon_divergence",
    3: "normalized_abs_difference",
}
"""Of a comparator in a schema, by ``DriftSkewInfo.Measurement.Type``."""


def measured(
    kind: Kind,
    statistics: Any,
    reference: Any,
    schema: Any,
    columns: Sequence[str],
    threshold: float,
) -> Iterator[dict[str, Any]]:
    """What ``findings.FILE`` keeps of each column's change.

    Text is measured by the L-infinity distance, the largest change of any value's share; numbers by
    the Jensen-Shannon divergence. Both are 0 where nothing changed, 1 where nothing is alike.

    Args:
      kind: of comparator that counts where the schema has one for a column.
      statistics: of the rows in question.
      reference: what they are held against.
      schema: of both.
      columns: to be measured, beside those whose comparator the schema has.
      threshold: for columns whose comparator it has not.
    """
    own = f"{kind}_comparator"
    asked = schema_pb2.Schema(
        feature=[
            _compared(feature, own, threshold)
            for feature in schema.feature
            if feature.name in columns or feature.HasField(own)
        ]
    )
    found = tfdv.validate_statistics(statistics, asked, previous_statistics=reference)
    said = {_name(info): info.reason for info in found.anomaly_info.values()}
    for info in found.drift_skew_info:
        for measurement in info.drift_measurements:
            if math.isfinite(measurement.value):
                yield {
                    "kind": kind,
                    "column": _name(info),
                    "measure": _FIELDS[measurement.type],
                    "value": measurement.value,
                    "threshold": measurement.threshold,
                    "largest": _largest(said.get(_name(info), [])),
                }


def _name(info: Any) -> str:
    return ".".join(info.path.step)


def _compared(feature: Any, own: str, threshold: float) -> Any:
    """The feature with one comparator, where TFDV looks for drift."""
    compared = schema_pb2.Feature(name=feature.name, type=feature.type)
    if feature.HasField(own):
        compared.drift_comparator.CopyFrom(getattr(feature, own))
    elif feature.type == schema_pb2.BYTES:
        compared.drift_comparator.infinity_norm.threshold = threshold
    else:
        divergence = compared.drift_comparator.jensen_shannon_divergence
        divergence.threshold = threshold
        # Of buckets that are equally wide, a single outlier moves all the others.
        divergence.source.type = schema_pb2.HistogramSelection.QUANTILES
    return compared


def _largest(reasons: Iterable[Any]) -> str | None:
    """The value that TFDV names at the end of what it says of a high L-infinity distance."""
    named = [reason.description.partition("maximum difference is: ")[2] for reason in reasons]
    return next(filter(None, named), None)
