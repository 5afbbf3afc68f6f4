"""Predictions of the trained model for some eval rows, a JSON object per line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from huberflow.components.contracts import strict_json

Value = float | int | str | None


@dataclass(frozen=True)
class PredictedRow:
    """One row: its label, the model's outputs, and the raw columns that the model read."""

    label: Value | Mapping[str, Value]
    """A number, the name of a class, or one number for each of several labels."""
    outputs: Mapping[str, Value]
    """Every output of the serving signatures, such as ``prediction``."""
    features: Mapping[str, Value]
    """None where the row has no value."""


def write_predictions(rows: Iterable[PredictedRow], path: Path) -> None:
    """Writes ``{"label": …, "prediction": …, "features": {…}}`` lines; NaN becomes null."""
    with path.open("w", encoding="utf-8") as lines:
        for row in rows:
            fields = {"label": row.label, **row.outputs, "features": row.features}
            lines.write(strict_json.dumps(fields) + "\n")


def read_predictions(path: Path) -> Iterator[PredictedRow]:
    """The rows in a file, in order."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            outputs = json.loads(line)
            yield PredictedRow(
                outputs.pop("label"), features=outputs.pop("features"), outputs=outputs
            )
