"""Measures with TFDV how far the columns of two sets of rows differ."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.validation_findings import Shift, ShiftKind
from huberflow.components.validation.anomalies import column_name
from huberflow.components.validation.chance import differ_beyond_chance

_MEASURES = {
    1: "infinity_norm",
    2: "jensen_shannon_divergence",
    3: "normalized_abs_difference",
}
"""Fields of a schema's comparators, by ``DriftSkewInfo.Measurement.Type``."""


SPLITS = ("train", "eval")
"""The splits that have statistics."""


def load_statistics(folder: Path, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics of a split in StatisticsGen's artifact."""
    file = folder / artifact_files.split_folder(split) / artifact_files.STATISTICS
    return tfdv.load_stats_binary(str(file))


def measure_shifts(
    kind: ShiftKind,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    reference: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    columns: Sequence[str],
    threshold: float,
) -> Iterator[Shift]:
    """Yields the shift of each column.

    Text is measured by the L-infinity distance, the largest change of any value's share; numbers by
    the Jensen-Shannon divergence. Both are 0 for equal distributions, 1 for disjoint ones.

    Args:
      kind: selects the schema's ``drift_comparator`` or ``skew_comparator``.
      statistics: of the rows to compare.
      reference: of the rows that they are compared with.
      schema: of both.
      columns: to measure, beside those with a comparator in the schema.
      threshold: of columns without a comparator in the schema; their shifts may be chance, if the
        rows are too few to tell.
    """
    comparator = f"{kind}_comparator"
    compared = schema_pb2.Schema(
        feature=[
            _compared_feature(feature, comparator, threshold)
            for feature in schema.feature
            if feature.name in columns or feature.HasField(comparator)
        ]
    )
    limited = {feature.name for feature in schema.feature if feature.HasField(comparator)}
    one, other = _by_column(statistics), _by_column(reference)
    result = tfdv.validate_statistics(statistics, compared, previous_statistics=reference)
    reasons = {column_name(info): info.reason for info in result.anomaly_info.values()}
    for info in result.drift_skew_info:
        column = column_name(info)
        for measurement in info.drift_measurements:
            if math.isfinite(measurement.value):
                yield Shift(
                    kind,
                    column,
                    _MEASURES[measurement.type],
                    measurement.value,
                    measurement.threshold,
                    _largest_change(reasons.get(column, [])),
                    may_be_chance=column not in limited
                    and not differ_beyond_chance(one[column], other[column], len(compared.feature)),
                )


def _by_column(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    (dataset,) = statistics.datasets
    return {".".join(column.path.step) or column.name: column for column in dataset.features}


def _compared_feature(
    feature: schema_pb2.Feature, comparator: str, threshold: float
) -> schema_pb2.Feature:
    """The feature with one comparator; TFDV compares it with earlier data as drift."""
    compared = schema_pb2.Feature(name=feature.name, type=feature.type)
    if feature.HasField(comparator):
        compared.drift_comparator.CopyFrom(getattr(feature, comparator))
    elif feature.type == schema_pb2.BYTES:
        compared.drift_comparator.infinity_norm.threshold = threshold
    else:
        divergence = compared.drift_comparator.jensen_shannon_divergence
        divergence.threshold = threshold
        # With buckets of equal width, a single outlier moves all the others.
        divergence.source.type = schema_pb2.HistogramSelection.QUANTILES
    return compared


def _largest_change(reasons: Iterable[anomalies_pb2.AnomalyInfo.Reason]) -> str | None:
    """The value that TFDV names at the end of its description of a high L-infinity distance."""
    named = [reason.description.partition("maximum difference is: ")[2] for reason in reasons]
    return next(filter(None, named), None)
