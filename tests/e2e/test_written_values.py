"""Numbers and dates as people write them: run, verified, predicted and served."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from command import huberflow
from served import announced, ask, connection, started

pytestmark = pytest.mark.e2e

ROWS = 240


def german(number: float) -> str:
    return f"{number:,.2f}".translate({ord(","): ".", ord("."): ","})


def rows() -> list[dict[str, str]]:
    """A label in euros with a decimal comma, which follows from an amount alone."""
    random = np.random.default_rng(5)
    found = []
    for row in range(ROWS):
        number, day = random.normal(), date(2016, 1, 1) + timedelta(days=int(random.integers(700)))
        found.append(
            {
                "usd": f"${1000 + 300 * number:,.2f}",
                "share": f"{random.normal():.1f}%",
                "us": f"{day.month}/{day.day}/{day.year}",
                "compact": f"{day:%Y%m%d}",
                "one_bad": "0000-00-00" if row == 7 else f"{day:%Y-%m-%d}",
                "price": f"{german(1000 * number)} €",
            }
        )
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [*rows()[0]], delimiter=";")
        table.writeheader()
        table.writerows(rows())
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> subprocess.CompletedProcess[str]:
    done = huberflow("run", "--data=table.csv", "--label=price", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def predicted(folder: Path, trained: object) -> list[float]:
    done = huberflow("predict", "--data=table.csv", "--output=out.csv", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [row["price"] for row in found] == [row["price"] for row in rows()]
    return [float(row["prediction"]) for row in found]


def test_what_was_decided_is_told(trained: subprocess.CompletedProcess[str]) -> None:
    assert "dates: us (MM/DD/YYYY), compact (YYYYMMDD)\n" in trained.stderr
    formats = "usd ($1,234.56), share (1,234.56%), price (1.234,56 €)"
    assert f"numbers with signs: {formats}\n" in trained.stderr
    assert "one_bad (1 x '0000-00-00')\n" in trained.stderr


def test_predictions_are_near_the_numbers_that_are_meant(predicted: list[float]) -> None:
    meant = [float(row["price"][:-2].replace(".", "").replace(",", ".")) for row in rows()]
    assert np.mean(np.abs(np.subtract(predicted, meant))) < 0.3 * np.std(meant)


def test_every_signature_is_verified(folder: Path, predicted: object) -> None:
    done = huberflow("verify", "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = {key for key in json.loads(done.stdout)["values"] if key.startswith("answers/")}
    assert answers >= {"answers/columns/prediction", "answers/serving_default/prediction"}


def test_a_server_answers_alike(folder: Path, predicted: list[float], tmp_path: Path) -> None:
    (bundle,) = folder.glob("workspace/serving/*/1")
    records = [
        {name: int(text) if name == "compact" else text for name, text in row.items()}
        for row in rows()
    ]
    for record in records:
        del record["price"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = tmp_path / "log"
    with started(bundle, port, log) as process, closing(connection(port)) as to:
        announced(process, log)
        status, answer = ask(to, "/invocations", dataframe_records=records)
    assert status == 200, answer
    found = [row["prediction"] for row in answer["predictions"]]
    np.testing.assert_allclose(found, predicted, rtol=1e-5, atol=1e-3)
