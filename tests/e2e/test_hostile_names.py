"""Columns with names that some library trips over: run, verified, predicted and served."""

from __future__ import annotations

import csv
import json
import socket
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from command import huberflow
from hostile_names import FOLDED, KEYWORDS, NAMES, PANDAS_INDEX
from served import announced, ask, connection, started

pytestmark = pytest.mark.e2e

LABEL = "def"
COLUMNS = [*dict.fromkeys([*KEYWORDS, *FOLDED, *NAMES[::4]])]
COLUMNS.remove(PANDAS_INDEX)
"""Some of every kind, and all pairs that are equal once letters and signs are folded."""

ROWS = 120
OUTPUT = "prediction"


def rows() -> list[dict[str, str]]:
    """Every other column holds words, the others numbers; the label follows from two of these."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(ROWS):
        numbers = random.normal(size=len(COLUMNS)).round(3)
        row = {
            name: str(number) if place % 2 else "yes" if number > 0 else "no"
            for place, (name, number) in enumerate(zip(COLUMNS, numbers, strict=True))
        }
        found.append({**row, LABEL: str(3 * numbers[3] - numbers[5])})
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*COLUMNS, LABEL])
        table.writeheader()
        table.writerows(rows())
    settings = ("--set=training.epochs=2", "--set=evaluation.must_beat_constant=false")
    done = huberflow("run", "--data=table.csv", f"--label={LABEL}", *settings, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def predicted(folder: Path) -> list[dict[str, str]]:
    done = huberflow("predict", "--data=table.csv", "--output=out.csv", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_signature_is_verified(folder: Path) -> None:
    done = huberflow("verify", "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = {key for key in json.loads(done.stdout)["values"] if key.startswith("answers/")}
    assert answers >= {"answers/columns/prediction", "answers/serving_default/prediction"}


def test_a_file_keeps_its_columns_and_gets_a_prediction(predicted: list[dict[str, str]]) -> None:
    assert [{key: row[key] for key in (*COLUMNS, LABEL)} for row in predicted] == rows()
    (added,) = set(predicted[0]) - {*COLUMNS, LABEL}
    assert len({row[added] for row in predicted}) > ROWS / 2


def test_a_server_answers_alike(
    folder: Path, predicted: list[dict[str, str]], tmp_path: Path
) -> None:
    (added,) = set(predicted[0]) - {*COLUMNS, LABEL}
    (bundle,) = folder.glob("workspace/serving/*/1")
    records = [
        {key: float(row[key]) if place % 2 else row[key] for place, key in enumerate(COLUMNS)}
        for row in rows()
    ]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with started(bundle, port, log) as process, closing(connection(port)) as to:
        announced(process, log)
        status, answer = ask(to, "/invocations", dataframe_records=records)
    assert status == 200, answer
    found = [row[OUTPUT] for row in answer["predictions"]]
    np.testing.assert_allclose(found, [float(row[added]) for row in predicted], rtol=1e-5)
