"""The taxi trips of the tfx wheel, many times over, a little different each time."""

from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

CHANGED = {"fare": "{:.4f}", "trip_miles": "{:.4f}", "trip_seconds": "{:.0f}"}
"""Columns that differ from copy to copy, by up to 2 %, and how they are written."""

ROWS = 15_002
"""In one copy."""


def write(path: Path, copies: int) -> None:
    """A CSV; the first copy is as it was, and the same copies are alike in every file."""
    folder = resources.files("tfx") / "examples" / "chicago_taxi_pipeline" / "data" / "simple"
    trips = pd.read_csv(str(folder / "data.csv"), dtype=str, keep_default_na=False)
    drawn = np.random.default_rng(0)
    trips.to_csv(path, index=False)
    for _ in range(copies - 1):
        _changed(trips, drawn).to_csv(path, mode="a", header=False, index=False)


def _changed(trips: pd.DataFrame, drawn: np.random.Generator) -> pd.DataFrame:
    changed = trips.copy()
    for name, written in CHANGED.items():
        there = trips[name] != ""
        numbers = trips[name][there].astype(float)
        numbers *= drawn.uniform(0.98, 1.02, len(numbers))
        changed.loc[there, name] = numbers.map(written.format)
    return changed
