"""Statistics of the data by column, for a table with the splits side by side."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

from huberflow.components.contracts import artifact_files
from huberflow.pipeline.report.formatting import NO_VALUE, format_number, format_share

MOST_TOP_VALUES = 5
TypeStatistics: TypeAlias = pb.NumericStatistics | pb.StringStatistics | pb.BytesStatistics


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram in a box of 100 by 100."""

    left: float
    width: float
    height: float


@dataclass(frozen=True)
class ColumnStatistics:
    """The statistics of one column, as text."""

    name: str
    type: str
    measures: Mapping[str, Sequence[str]]
    """A text for each split, by the name of the measure."""
    histograms: Sequence[Sequence[Bar]]
    """For each split, over one range; logarithmic heights make a heavy tail visible."""
    top_values: Mapping[str, Sequence[str]]
    """The most frequent values of the first split, and the share of each in every split."""


@dataclass(frozen=True)
class DataStatistics:
    """The statistics of a data set."""

    rows: Mapping[str, int]
    """Number of rows by split."""
    columns: Sequence[ColumnStatistics]


def read_statistics(folder: Path) -> DataStatistics | None:
    """The statistics in StatisticsGen's artifact; None where there are none."""
    files = {
        split: folder / artifact_files.split_folder(split) / artifact_files.STATISTICS
        for split in ("train", "eval")
    }
    datasets = {
        split: pb.DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets[0]
        for split, file in files.items()
        if file.is_file()
    }
    if not datasets:
        return None
    features = [
        {f.name or ".".join(f.path.step): f for f in dataset.features}
        for dataset in datasets.values()
    ]
    names = list(dict.fromkeys(name for split in features for name in split))
    rows = {split: dataset.num_examples for split, dataset in datasets.items()}
    columns = [
        _column(name, [split.get(name) for split in features], list(rows.values()))
        for name in names
    ]
    return DataStatistics(rows, columns)


def _column(
    name: str, features: Sequence[pb.FeatureNameStatistics | None], rows: Sequence[int]
) -> ColumnStatistics:
    first = next(feature for feature in features if feature is not None)
    field = first.WhichOneof("stats")
    splits = [getattr(f, field) if f is not None and f.HasField(field) else None for f in features]
    measures = {
        "missing": [
            _missing(stats, n) if stats else NO_VALUE for stats, n in zip(splits, rows, strict=True)
        ]
    }
    for measure, text in _MEASURES.get(field, {}).items():
        measures[measure] = [
            text(stats) if stats and stats.common_stats.tot_num_values else NO_VALUE
            for stats in splits
        ]
    return ColumnStatistics(
        name,
        pb.FeatureNameStatistics.Type.Name(first.type).lower(),
        measures,
        _histograms(splits) if field == "num_stats" else [],
        _top_values(splits) if field == "string_stats" else {},
    )


def _missing(stats: TypeStatistics, rows: int) -> str:
    common = stats.common_stats
    # TFX reads an empty CSV field as an empty list, which is not missing; so count the values.
    present = common.tot_num_values if common.max_num_values <= 1 else common.num_non_missing
    return format_share(rows - present, rows)


_MEASURES: Mapping[str, Mapping[str, Callable[[TypeStatistics], str]]] = {
    "num_stats": {
        "zeros": lambda stats: format_share(stats.num_zeros, stats.common_stats.tot_num_values),
        "mean": lambda stats: format_number(stats.mean),
        "std": lambda stats: format_number(stats.std_dev),
        "min": lambda stats: format_number(stats.min),
        "median": lambda stats: format_number(stats.median),
        "max": lambda stats: format_number(stats.max),
    },
    "string_stats": {"unique": lambda stats: f"{stats.unique:,}"},
    "bytes_stats": {"unique": lambda stats: f"{stats.unique:,}"},
}


def _top_values(splits: Sequence[pb.StringStatistics | None]) -> dict[str, list[str]]:
    shares = [_shares(stats) if stats else {} for stats in splits]
    first = next(filter(None, shares), {})
    top = list(first)[:MOST_TOP_VALUES]
    return {value: [split.get(value, NO_VALUE) for split in shares] for value in top}


def _shares(stats: pb.StringStatistics) -> dict[str, str]:
    total = stats.common_stats.tot_num_values
    return {top.value: format_share(top.frequency, total) for top in stats.top_values}


def _histograms(splits: Iterable[pb.NumericStatistics | None]) -> list[list[Bar]]:
    buckets = [_buckets(stats) if stats else [] for stats in splits]
    edges = [edge for split in buckets for b in split for edge in (b.low_value, b.high_value)]
    return [_bars(split, min(edges), max(edges)) for split in buckets] if edges else []


def _buckets(stats: pb.NumericStatistics) -> list[pb.Histogram.Bucket]:
    histograms = [h for h in stats.histograms if h.type == pb.Histogram.STANDARD]
    buckets = histograms[0].buckets if histograms else []
    return [b for b in buckets if math.isfinite(b.low_value) and math.isfinite(b.high_value)]


def _bars(buckets: Sequence[pb.Histogram.Bucket], low: float, high: float) -> list[Bar]:
    span = high - low
    most = max((bucket.sample_count for bucket in buckets), default=0)
    if not most:
        return []
    return [
        Bar(
            left=round(100 * (b.low_value - low) / span, 2) if span else 0.0,
            width=round(100 * (b.high_value - b.low_value) / span, 2) if span else 100.0,
            height=round(100 * math.log1p(b.sample_count) / math.log1p(most), 2),
        )
        for b in buckets
    ]
