"""Data that do not fit the pinned schema end a run, until they are accepted."""

from __future__ import annotations

import csv
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from taxi_workspace import HUBERFLOW

pytestmark = pytest.mark.e2e

RUN = ("run", "--data", "houses.csv", "--label", "price", "--set", "training.epochs=1")
# No model passes: the next one, of other columns, is held against none.
HARD = ("--set", "evaluation.gate=[{metric: huber, upper_bound: 0}]")


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 400 houses."""
    folder = tmp_path_factory.mktemp("houses")
    draw = np.random.default_rng(7)
    rows = [
        {"area": draw.normal(100, 20), "rooms": draw.integers(1, 7), "town": draw.choice([*"AB"])}
        for _ in range(400)
    ]
    write(folder, [{**row, "price": 3 * row["area"] + 10 * row["rooms"]} for row in rows])
    return folder


def write(folder: Path, rows: list[dict]) -> None:
    with (folder / "houses.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def change(folder: Path) -> None:
    """A third of the houses are in a new town, areas are words, nobody counts rooms."""
    with (folder / "houses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["area"] = "large" if float(row["area"]) > 100 else "small"
        row["town"] = "C" if number % 3 == 0 else row["town"]
        del row["rooms"]
    write(folder, rows)


def huberflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HUBERFLOW, *arguments], capture_output=True, text=True, cwd=folder)


@pytest.fixture(scope="module")
def first(houses: Path) -> subprocess.CompletedProcess[str]:
    """A run on good data, whose schema is then written."""
    done = huberflow(houses, *RUN, *HARD)
    assert done.returncode == 3, done.stdout + done.stderr
    return huberflow(houses, "schema", "write", "schema.pbtxt")


@pytest.fixture(scope="module")
def pinned(first: subprocess.CompletedProcess[str]) -> list[str]:
    """The arguments of a run with the schema, as the verb that wrote it offers them."""
    return shlex.split(first.stdout.removeprefix("next: huberflow "))


@pytest.fixture(scope="module")
def refused(houses: Path, pinned: list[str]) -> subprocess.CompletedProcess[str]:
    """A run on changed data."""
    change(houses)
    return huberflow(houses, *pinned)


@pytest.fixture(scope="module")
def accepted(houses: Path, refused: object) -> subprocess.CompletedProcess[str]:
    """The changed data, accepted."""
    return huberflow(houses, "schema", "accept")


def test_the_first_schema_is_written_from_a_run(
    houses: Path, first: subprocess.CompletedProcess[str]
) -> None:
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("next: huberflow run --set 'data.path=\"houses.csv\"' --set ")
    assert first.stdout.endswith(" --set 'data.schema=\"schema.pbtxt\"'\n")


def test_data_that_do_not_fit_end_the_run_in_words(
    refused: subprocess.CompletedProcess[str],
) -> None:
    assert refused.returncode == 1
    *_, last = re.findall(r"^  (\w+) +(ran|cached|resolved|failed)", refused.stdout, re.M)
    assert last == ("SchemaGate", "failed")
    told = ("left out", "training:", "scale:")
    *lines, _ = [line for line in refused.stderr.splitlines() if not any(t in line for t in told)]
    assert re.sub(r"~\d+%", "~n%", "\n".join(lines)) == (
        "huberflow: SchemaGate failed: the data do not fit the pinned schema: area, rooms, town\n"
        "huberflow: area: expected FLOAT, received STRING, in train and eval\n"
        "huberflow: rooms: expected a column of INT, received none, in train and eval\n"
        "huberflow: town: expected one of A, B, received C (~n%), in train and eval\n"
        "huberflow: fix the data, or accept them as they are: "
        "huberflow schema accept --workspace workspace"
    )


def test_what_was_accepted_is_told(accepted: subprocess.CompletedProcess[str]) -> None:
    assert accepted.returncode == 0, accepted.stderr
    assert 'town\n  + value: "C"\n' in accepted.stdout
    assert "area\n  - type: FLOAT\n  + type: BYTES\n" in accepted.stdout
    assert accepted.stdout.splitlines()[-1].endswith("schema.pbtxt")


def test_accepted_data_are_run_and_their_drift_is_told(
    houses: Path, pinned: list[str], accepted: object
) -> None:
    done = huberflow(houses, *pinned)
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(r"^drift +\w+: L-infinity 0\.\d+ above 0\.1 \(largest", done.stdout, re.M)
    assert "anomalies" not in done.stdout
