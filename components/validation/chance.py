"""Whether two samples differ by more than chance, as far as their statistics tell."""

import math

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

FALSE_ALARM = 0.01
"""The probability that chance alone is taken for a difference, in any of the compared columns."""


def differ_beyond_chance(
    one: statistics_pb2.FeatureNameStatistics,
    other: statistics_pb2.FeatureNameStatistics,
    columns: int,
) -> bool:
    """Whether the values of two samples differ by more than samples of equal values would.

    Text is compared by the largest difference of a value's share, numbers by that of their
    cumulative shares (Kolmogorov and Smirnov) at the bounds of quantiles.

    Args:
      one: statistics of the column in a sample.
      other: the same in another.
      columns: the number of columns that are compared; each may give a false alarm.
    """
    kind = one.WhichOneof("stats")
    if kind not in ("num_stats", "string_stats") or other.WhichOneof("stats") != kind:
        return True
    rows = [_common(each).num_non_missing for each in (one, other)]
    if not all(rows):
        return any(rows)
    spread = math.sqrt(sum(1 / count for count in rows))
    if kind == "string_stats":
        return _beyond_in_text(one.string_stats, other.string_stats, rows, spread, columns)
    # Massart's bound on Smirnov's distance
    bound = math.sqrt(math.log(2 * columns / FALSE_ALARM) / 2) * spread
    return _certain_distance(_quantiles(one), _quantiles(other)) > bound


def _common(column: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    stats = column.string_stats if column.HasField("string_stats") else column.num_stats
    return stats.common_stats


def _beyond_in_text(
    one: statistics_pb2.StringStatistics,
    other: statistics_pb2.StringStatistics,
    rows: list[int],
    spread: float,
    columns: int,
) -> bool:
    shares = [
        {bucket.label: bucket.sample_count / count for bucket in stats.rank_histogram.buckets}
        for stats, count in zip((one, other), rows, strict=True)
    ]
    values = set(shares[0]) | set(shares[1])
    pairs = [(shares[0].get(value, 0.0), shares[1].get(value, 0.0)) for value in values]
    distinct = max(one.unique, other.unique, 1)
    most = max((max(pair) for pair in pairs), default=0.0)
    deviation = math.sqrt(min(most, 0.5) * (1 - min(most, 0.5))) * spread
    bound = math.sqrt(2 * math.log(2 * distinct * columns / FALSE_ALARM)) * deviation
    return max((abs(a - b) for a, b in pairs), default=0.0) > bound


def _quantiles(column: statistics_pb2.FeatureNameStatistics) -> np.ndarray:
    """Buckets with about as many values each: ``[buckets, 3]``, low, high and share."""
    (histogram,) = (
        each
        for each in column.num_stats.histograms
        if each.type == statistics_pb2.Histogram.QUANTILES
    )
    buckets = [(each.low_value, each.high_value, each.sample_count) for each in histogram.buckets]
    found = np.array(buckets).reshape(-1, 3)
    found[:, 2] /= max(found[:, 2].sum(), 1)
    return found


def _certain_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The least distance of the cumulative shares: where in a bucket values lie is not known."""
    at = np.unique(np.concatenate([one[:, 1], other[:, 1]]))
    (least, most), (other_least, other_most) = _cumulative(one, at), _cumulative(other, at)
    gaps = np.maximum(least - other_most, other_least - most)
    return float(np.max(gaps, initial=0.0))


def _cumulative(buckets: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest share of values up to each point."""
    low, high, share = buckets.T
    least = (high <= at[:, np.newaxis]) @ share
    most = (low <= at[:, np.newaxis]) @ share
    # Up to the bound of one bucket alone, there are its values and those of the buckets before.
    is_bound = np.sum(high == at[:, np.newaxis], axis=1) == 1
    is_exact = is_bound & ~np.isin(at, low[low == high])
    return least, np.where(is_exact, least, most)
