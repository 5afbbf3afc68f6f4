"""Copies of the taxi trips in the tfx wheel, each slightly different."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import temporary_folder
from huberflow.pipeline.data import taxi

CHANGED = {"fare": "{:.4f}", "trip_miles": "{:.4f}", "trip_seconds": "{:.0f}"}
"""Columns that differ between copies, by up to 2 %, and their formats."""

ROWS = 15_002
"""Rows of one copy."""


def files(sizes: Sequence[int]) -> Iterator[tuple[Path, int]]:
    """A temporary CSV of each number of copies, and the number of its rows."""
    for copies in sizes:
        with temporary_folder() as folder:
            write(folder / "trips.csv", copies)
            yield folder / "trips.csv", copies * ROWS


def write(path: Path, copies: int) -> None:
    """Writes a CSV; its first copy is unchanged, and the copies are the same in every file."""
    trips = pd.read_csv(taxi.folder() / "data.csv", dtype=str, keep_default_na=False)
    drawn = np.random.default_rng(0)
    trips.to_csv(path, index=False)
    for _ in range(copies - 1):
        _changed(trips, drawn).to_csv(path, mode="a", header=False, index=False)


def _changed(trips: pd.DataFrame, drawn: np.random.Generator) -> pd.DataFrame:
    changed = trips.copy()
    for name, text in CHANGED.items():
        present = trips[name] != ""
        numbers = trips[name][present].astype(float)
        numbers *= drawn.uniform(0.98, 1.02, len(numbers))
        changed.loc[present, name] = numbers.map(text.format)
    return changed
