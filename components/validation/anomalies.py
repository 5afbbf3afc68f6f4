"""Describes TFDV's anomalies: the column, what was expected, what was received."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from huberflow.components.contracts.validation_findings import Anomaly

_Type = anomalies_pb2.AnomalyInfo

MOST_VALUES = 5
"""The values of a domain that a message lists."""


def describe_anomalies(
    by_split: Mapping[str, anomalies_pb2.Anomalies], schema: schema_pb2.Schema
) -> list[Anomaly]:
    """One anomaly per column and type, with the splits that have it.

    Args:
      by_split: TFDV's anomalies of each split.
      schema: with which the splits were compared.
    """
    features = {feature.name: feature for feature in schema.feature}
    anomalies: dict[tuple[str | None, int], Anomaly] = {}
    for split, each in by_split.items():
        for column, reason in _reasons(each):
            text = _text(reason, features.get(column), schema)
            key = column, reason.type
            anomaly = anomalies.get(key, Anomaly(column, text, ()))
            anomalies[key] = replace(anomaly, splits=(*anomaly.splits, split))
    return list(anomalies.values())


def column_name(info: anomalies_pb2.AnomalyInfo | anomalies_pb2.DriftSkewInfo) -> str:
    """The column of a part of TFDV's result."""
    return ".".join(info.path.step)


def _reasons(
    anomalies: anomalies_pb2.Anomalies,
) -> Iterator[tuple[str | None, anomalies_pb2.AnomalyInfo.Reason]]:
    if anomalies.data_missing:
        yield None, _Type.Reason(description="expected rows, received none")
    for reason in anomalies.dataset_anomaly_info.reason:
        yield None, reason
    for _, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            yield column_name(info), reason


def _text(
    reason: anomalies_pb2.AnomalyInfo.Reason,
    feature: schema_pb2.Feature | None,
    schema: schema_pb2.Schema,
) -> str:
    """TFDV's description, or a better one where that lacks what was expected or received."""
    description = reason.description.strip().rstrip(".")
    if reason.type == _Type.SCHEMA_NEW_COLUMN:
        return "expected no such column, received one"
    if feature is None:
        return description
    type_name = schema_pb2.FeatureType.Name(feature.type)
    match reason.type:
        case _Type.SCHEMA_MISSING_COLUMN:
            return f"expected a column of {type_name}, received none"
        case _Type.UNEXPECTED_DATA_TYPE:
            return f"expected {type_name}, received {description.rpartition('got ')[2]}"
        case _Type.FEATURE_TYPE_LOW_NUMBER_VALUES:
            least = feature.value_count.min
            return f"expected at least {least} value in every row, received rows with fewer"
        case _Type.ENUM_TYPE_UNEXPECTED_STRING_VALUES:
            values = description.partition("schema: ")[2]
            return f"expected {_domain(feature, schema)}, received {values}"
    return description


def _domain(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> str:
    shared = {domain.name: domain for domain in schema.string_domain}
    values = shared.get(feature.domain, feature.string_domain).value
    more = f" or {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
    return f"one of {', '.join(values[:MOST_VALUES])}{more}"
