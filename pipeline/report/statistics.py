"""Statistics of the data, column by column, the splits side by side."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

from huberflow.components.contracts import artifact_files
from huberflow.pipeline.report.words import NOTHING, number, share

MOST_TOP_VALUES = 5
_ORDER = ("train", "validation", "eval")


@dataclass(frozen=True)
class Bar:
    """Of a histogram in a box of 100 by 100."""

    left: float
    width: float
    height: float


@dataclass(frozen=True)
class Column:
    """One column of the data."""

    name: str
    type: str
    measures: Mapping[str, Sequence[str]]
    """By name, a text for each split."""
    histograms: Sequence[Sequence[Bar]]
    """By split, over one range; heights are logarithmic, else a heavy tail would not be seen."""
    top_values: Mapping[str, Sequence[str]]
    """The most frequent values of the first split; the share that each has of every split."""


@dataclass(frozen=True)
class Statistics:
    """Of a data set."""

    rows: Mapping[str, int]
    """Number of rows by split."""
    columns: Sequence[Column]


def splits(folder: Path, file: str) -> list[Path]:
    """A file in each split of an artifact: train, validation, eval, then others."""

    def key(path: Path) -> tuple[int, str]:
        name = split_name(path)
        return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)

    return sorted(folder.glob(f"Split-*/{file}"), key=key)


def split_name(path: Path) -> str:
    """``train``, of a file in ``Split-train``."""
    return path.parent.name.removeprefix("Split-")


def read(folder: Path) -> Statistics | None:
    """Statistics as StatisticsGen wrote them; none where it did not.

    Args:
      folder: StatisticsGen's artifact.
    """
    datasets = {
        split_name(path): pb.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets[0]
        for path in splits(folder, artifact_files.STATISTICS)
    }
    if not datasets:
        return None
    features = [{_name(f): f for f in dataset.features} for dataset in datasets.values()]
    names = list(dict.fromkeys(name for split in features for name in split))
    rows = {split: dataset.num_examples for split, dataset in datasets.items()}
    columns = [
        _column(name, [split.get(name) for split in features], list(rows.values()))
        for name in names
    ]
    return Statistics(rows, columns)


def _name(feature: Any) -> str:
    return feature.name or ".".join(feature.path.step)


def _column(name: str, features: Sequence[Any | None], rows: Sequence[int]) -> Column:
    first = next(feature for feature in features if feature is not None)
    kind = first.WhichOneof("stats")
    found = [getattr(f, kind) if f is not None and f.HasField(kind) else None for f in features]
    measures = {
        "missing": [
            _missing(stats, n) if stats else NOTHING for stats, n in zip(found, rows, strict=True)
        ],
        **{
            name: [of(stats) if _has_values(stats) else NOTHING for stats in found]
            for name, of in _MEASURES.get(kind, {}).items()
        },
    }
    return Column(
        name,
        pb.FeatureNameStatistics.Type.Name(first.type).lower(),
        measures,
        _histograms(found) if kind == "num_stats" else [],
        _top_values(found) if kind == "string_stats" else {},
    )


def _missing(stats: Any, rows: int) -> str:
    common = stats.common_stats
    # TFX reads an empty CSV field as a list of no values, which is there; so count the values.
    there = common.tot_num_values if common.max_num_values <= 1 else common.num_non_missing
    return share(rows - there, rows)


def _has_values(stats: Any | None) -> bool:
    return stats is not None and stats.common_stats.tot_num_values > 0


_MEASURES: Mapping[str, Mapping[str, Callable[[Any], str]]] = {
    "num_stats": {
        "zeros": lambda stats: share(stats.num_zeros, stats.common_stats.tot_num_values),
        "mean": lambda stats: number(stats.mean),
        "std": lambda stats: number(stats.std_dev),
        "min": lambda stats: number(stats.min),
        "median": lambda stats: number(stats.median),
        "max": lambda stats: number(stats.max),
    },
    "string_stats": {"unique": lambda stats: f"{stats.unique:,}"},
    "bytes_stats": {"unique": lambda stats: f"{stats.unique:,}"},
}


def _top_values(found: Sequence[Any | None]) -> dict[str, list[str]]:
    shares = [_shares(stats) if stats else {} for stats in found]
    first = next(filter(None, shares), {})
    top = list(first)[:MOST_TOP_VALUES]
    return {value: [split.get(value, NOTHING) for split in shares] for value in top}


def _shares(stats: Any) -> dict[str, str]:
    total = stats.common_stats.tot_num_values
    return {top.value: share(top.frequency, total) for top in stats.top_values}


def _histograms(found: Iterable[Any | None]) -> list[list[Bar]]:
    buckets = [_buckets(stats) if stats else [] for stats in found]
    edges = [edge for split in buckets for b in split for edge in (b.low_value, b.high_value)]
    return [_bars(split, min(edges), max(edges)) for split in buckets] if edges else []


def _buckets(stats: Any) -> list[Any]:
    histograms = [h for h in stats.histograms if h.type == pb.Histogram.STANDARD]
    buckets = histograms[0].buckets if histograms else []
    return [b for b in buckets if math.isfinite(b.low_value) and math.isfinite(b.high_value)]


def _bars(buckets: Sequence[Any], low: float, high: float) -> list[Bar]:
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
