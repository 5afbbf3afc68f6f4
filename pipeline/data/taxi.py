"""The Chicago Taxi trips that the tfx wheel ships: the data of a run that names none."""

import csv
from collections.abc import Sequence
from pathlib import Path

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Data
from huberflow.pipeline.system.source_hash import package_folder


def folder() -> Path:
    """The folder of the trips; TFX is not imported."""
    return package_folder("tfx") / "examples" / "chicago_taxi_pipeline" / "data" / "simple"


def check_columns(labels: Sequence[str], weight: str | None) -> None:
    """Refuses a label or a weight that the trips do not have.

    Raises:
      InputError: there is no such column.
    """
    if weight is None and set(labels) <= set(Data().labels):
        return  # where models only serve, TFX is not installed
    with (folder() / "data.csv").open(newline="", encoding="utf-8") as file:
        columns = next(csv.reader(file))
    named = [*(("data.label", label) for label in labels), ("data.weight", weight)]
    for key, name in named:
        if name is not None and name not in columns:
            raise InputError(
                key,
                expected="a column of the taxi trips, for no data is named",
                received=repr(name),
                hint=f"the columns are {', '.join(columns)}",
                write="--data PATH",
            )
