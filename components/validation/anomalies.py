"""Says what TFDV found against a schema: column, what was expected, what came."""

from collections.abc import Iterator, Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

_Type = anomalies_pb2.AnomalyInfo

MOST_VALUES = 5
"""Of a domain, in a message."""


def in_words(found: Mapping[str, Any], schema: Any) -> list[dict[str, Any]]:
    """One entry per column and kind of anomaly, see ``findings.FILE``.

    Args:
      found: the ``Anomalies`` of each split.
      schema: that they were found against.
    """
    features = {feature.name: feature for feature in schema.feature}
    entries: dict[tuple[str | None, int], dict[str, Any]] = {}
    for split, anomalies in found.items():
        for column, reason in _reasons(anomalies):
            text = _text(reason, features.get(column), schema)
            entry: dict[str, Any] = {"column": column, "text": text, "splits": []}
            entries.setdefault((column, reason.type), entry)["splits"].append(split)
    return list(entries.values())


def _reasons(anomalies: Any) -> Iterator[tuple[str | None, Any]]:
    if anomalies.data_missing:
        yield None, _Type.Reason(description="expected rows, received none")
    for reason in anomalies.dataset_anomaly_info.reason:
        yield None, reason
    for _, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            yield ".".join(info.path.step), reason


def _text(reason: Any, feature: Any | None, schema: Any) -> str:
    """TFDV's own words, but where they do not say what was expected and what came."""
    said = reason.description.strip().rstrip(".")
    if reason.type == _Type.SCHEMA_NEW_COLUMN:
        return "expected no such column, received one"
    if feature is None:
        return said
    kind = schema_pb2.FeatureType.Name(feature.type)
    match reason.type:
        case _Type.SCHEMA_MISSING_COLUMN:
            return f"expected a column of {kind}, received none"
        case _Type.UNEXPECTED_DATA_TYPE:
            return f"expected {kind}, received {said.rpartition('got ')[2]}"
        case _Type.FEATURE_TYPE_LOW_NUMBER_VALUES:
            least = feature.value_count.min
            return f"expected at least {least} value in every row, received rows with fewer"
        case _Type.ENUM_TYPE_UNEXPECTED_STRING_VALUES:
            return f"expected {_domain(feature, schema)}, received {said.partition('schema: ')[2]}"
    return said


def _domain(feature: Any, schema: Any) -> str:
    shared = {domain.name: domain for domain in schema.string_domain}
    values = shared.get(feature.domain, feature.string_domain).value
    more = f" or {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
    return f"one of {', '.join(values[:MOST_VALUES])}{more}"
