"""Statistics of a few rows, as StatisticsGen makes and writes them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from tensorflow_data_validation.statistics import stats_impl
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleStatistics

GOOD = {"pay": ["Cash", "Card"] * 20, "fare": [float(n) for n in range(40)]}

SCHEMA = """
feature { name: "pay" type: BYTES domain: "pay" value_count { min: 1 max: 1 }
  presence { min_fraction: 1 min_count: 1 } }
feature { name: "fare" type: FLOAT value_count { min: 1 max: 1 }
  presence { min_fraction: 1 min_count: 1 } }
string_domain { name: "pay" value: "Card" value: "Cash" }
"""
"""What TFDV infers from ``GOOD``."""


def statistics(**columns):
    """Of columns by name; None is a value that is missing, as TFX reads an empty CSV field."""
    lists = [
        pa.array([[] if value is None else [value] for value in values])
        for values in columns.values()
    ]
    batch = pa.RecordBatch.from_arrays(lists, list(columns))
    return stats_impl.generate_statistics_in_memory(batch)


def write(folder: Path, **splits) -> ExampleStatistics:
    """The artifact that holds these statistics."""
    for name, found in splits.items():
        path = folder / f"Split-{name}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(found.SerializeToString())
    artifact = ExampleStatistics()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    return artifact
