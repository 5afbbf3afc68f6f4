"""What the ExampleValidator found, as plain JSON, and in words."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FILE = "findings.json"
"""Beside TFX's files in the anomalies artifact: ``anomalies``, each with ``column`` (null: the
whole data), ``text`` and ``splits``; and ``shifts``, each with ``kind`` (drift, against other data;
skew, train against eval), ``column``, ``measure``, ``value``, ``threshold`` and ``largest``: the
value whose share differs most, or null."""

STATISTICS_ID, ACCEPTED = "statistics_id", "accepted"
"""Custom properties of the artifact: the statistics that were looked at, and whether a run may go
on with their data."""

ALL = "all columns"
"""What an anomaly of the whole data is told of."""

_MEASURES = {
    "infinity_norm": "L-infinity",
    "jensen_shannon_divergence": "Jensen-Shannon",
    "normalized_abs_difference": "absolute difference",
}


def read(folder: Path) -> dict[str, Any]:
    """The findings in an artifact of the ExampleValidator."""
    found: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found


def anomaly_line(anomaly: Mapping[str, Any]) -> str:
    """``company: expected …, received …, in train and eval``."""
    return f"{anomaly['column'] or ALL}: {anomaly['text']}, in {' and '.join(anomaly['splits'])}"


def high(kind: str, shifts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Shifts of a kind above their threshold, the furthest first.

    Such as ``company: L-infinity 0.31 above 0.1 (largest change: "Flash Cab")``.
    """
    told = [each for each in shifts if each["kind"] == kind and each["value"] > each["threshold"]]
    return [_shift_line(each) for each in sorted(told, key=lambda each: -each["value"])]


def _shift_line(shift: Mapping[str, Any]) -> str:
    measured = f"{_MEASURES[shift['measure']]} {shift['value']:.2g} above {shift['threshold']:g}"
    largest = f' (largest change: "{shift["largest"]}")' if shift["largest"] else ""
    return f"{shift['column']}: {measured}{largest}"
