"""What `huberflow init` leaves: two files that are right as they are."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.config import Config
from huberflow.pipeline.resolve.resolved_run import load


@pytest.fixture
def init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(
        "area,price\n" + "".join(f"{10.5 + n},{n * n}\n" for n in range(100))
    )
    return lambda *arguments: CliRunner().invoke(cli, ["init", *arguments])


def test_of_the_taxi_trips_is_the_default_with_objects_of_ones_own(init, tmp_path):
    done = init("fares")
    assert done.exit_code == 0, done.stderr
    found = load(tmp_path / "fares" / "config.yaml")
    assert found == Config(objects=(tmp_path / "fares" / "my_objects.py",))


def test_its_objects_may_be_named_at_once(init, tmp_path):
    init("fares")
    loss = "training.loss={name: QuantileLoss, config: {quantile: 0.9}}"
    assert load(tmp_path / "fares" / "config.yaml", [loss]).training.loss.name == "QuantileLoss"


def test_of_data_is_what_a_look_at_them_found(init, tmp_path):
    assert init("prices", "--data", "rows.csv", "--label", "price").exit_code == 0
    text = (tmp_path / "prices" / "config.yaml").read_text()
    assert f"path: {tmp_path / 'rows.csv'}" in text, "it is to be used from any folder"
    assert "numeric: [area]" in text


def test_of_files_of_splits_may_be_used_from_any_folder(init, tmp_path):
    (tmp_path / "new.csv").write_text((tmp_path / "rows.csv").read_text())
    done = init("prices", "--data", "rows.csv", "--eval-data", "new.csv", "--label", "price")
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "prices" / "config.yaml").read_text()
    assert f"train: {tmp_path / 'rows.csv'}" in text
    assert f"eval: {tmp_path / 'new.csv'}" in text


def test_says_what_comes_next(init, tmp_path):
    assert init("fares").stdout.splitlines() == [
        f"{tmp_path}/fares/config.yaml",
        f"{tmp_path}/fares/my_objects.py",
        f"next: huberflow run --config {tmp_path}/fares/config.yaml",
    ]


@pytest.mark.parametrize("name", ["config.yaml", "my_objects.py"])
def test_leaves_files_that_are_there(init, tmp_path, name):
    (tmp_path / "fares").mkdir()
    (tmp_path / "fares" / name).write_text("mine")
    done = init("fares")
    assert done.exit_code == 2
    assert f"expected a folder without {name}" in done.stderr
    assert [path.name for path in (tmp_path / "fares").iterdir()] == [name]
    assert (tmp_path / "fares" / name).read_text() == "mine"


def test_of_wrong_data_leaves_nothing(init, tmp_path):
    done = init("prices", "--data", "rows.csv", "--label", "prize")
    assert done.exit_code == 2
    assert "did you mean" in done.stderr
    assert not (tmp_path / "prices").exists()


def test_where_nothing_can_be_written_says_so(init, tmp_path):
    (tmp_path / "file").touch()
    done = init("file/fares")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "expected a folder that can be written" in done.stderr
