"""The Chicago Taxi trips that the tfx wheel ships: what a run reads that names no data."""

import csv
from pathlib import Path

from huberflow.components.data.files import DataError
from huberflow.pipeline.config import Config, Data
from huberflow.pipeline.system.source_hash import package_folder


def folder() -> Path:
    """Where they lie; TFX is not imported."""
    return package_folder("tfx") / "examples" / "chicago_taxi_pipeline" / "data" / "simple"


def check(config: Config) -> None:
    """Whether the trips have what a config predicts, and weighs rows by.

    Raises:
      DataError: they lack the column.
    """
    known = Data().labels
    asked = [name for name in config.data.label_and_weight if name not in known]
    if not asked:
        return  # where models only serve, TFX is not installed
    with (folder() / "data.csv").open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    for name in asked:
        if name not in columns:
            key = "data.weight" if name == config.data.weight else "data.label"
            raise DataError(
                f"{key}: expected a column of the taxi trips, for no data is named, received "
                f"{name!r}; write: --data PATH, or one of {', '.join(columns)}"
            )
