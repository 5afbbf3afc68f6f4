"""What a run is remembered by, and what it is called."""

import json
import re
import shlex
import sys
from datetime import datetime

import pytest

from huberflow.pipeline.config import Config
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.resolve.resolved_run import load

NOON = datetime(2026, 5, 17, 12, 30, 45)


class TestChanges:
    def test_of_the_default_are_none(self):
        assert run_metadata.changes(Config()) == {}

    def test_are_what_differs_by_dotted_path(self):
        config = load(None, ["training.loss.config.threshold=2.0", "model.hidden_units=[8]"])
        assert run_metadata.changes(config) == {
            "training.loss.config.threshold": 2.0,
            "model.hidden_units": [8],
        }

    def test_are_not_where_a_run_is_kept(self):
        assert run_metadata.changes(load(None, ["workspace=w", "tracking.experiment=fares"])) == {}

    def test_that_set_something_to_nothing_are_told(self):
        config = load(None, ["training.early_stopping_patience=null"])
        assert run_metadata.changes(config) == {"training.early_stopping_patience": None}


class TestOwnData:
    @pytest.fixture
    def config(self, tmp_path):
        rows = "".join(
            f"{10.5 + number},{number % 3},2024-05-{1 + number % 30:02},{number}\n"
            for number in range(99)
        )
        (tmp_path / "flats.csv").write_text("area,floor,date,rent\n" + rows)
        asked = [f"data.path={tmp_path / 'flats.csv'}", "data.label=rent"]
        return lambda *settings: load(None, [*asked, *settings])

    def test_what_a_look_at_them_found_is_no_change(self, config, tmp_path):
        found = run_metadata.changes(config("training.epochs=3", "data.exclude=[floor]"))
        assert found == {
            "data.path": str(tmp_path / "flats.csv"),
            "data.label": "rent",
            "data.exclude": ["floor"],
            "training.epochs": 3,
        }

    def test_what_splits_them_is_a_change_and_what_was_found_of_it_is_none(self, config):
        values = "data.splits.values={0: train, 1: train, 2: eval}"
        assert "data.splits.values.0" in run_metadata.changes(
            config("data.splits.column=floor", values)
        )
        found = run_metadata.changes(config("data.splits.column=date"))
        assert [key for key in found if "splits" in key] == ["data.splits.column"]

    def test_name_says_what_was_set_beside_them(self, config):
        assert run_metadata.run_name(config(), NOON) == "defaults 05-17 12:30:45"
        assert run_metadata.run_name(config("training.epochs=3"), NOON) == "epochs=3 05-17 12:30:45"


class TestName:
    @pytest.mark.parametrize(
        ("settings", "name"),
        [
            ([], "defaults 05-17 12:30:45"),
            (["training.loss.name=CustomMSE"], "CustomMSE 05-17 12:30:45"),
            (["training.loss.config.threshold=2.0"], "threshold=2.0 05-17 12:30:45"),
            (["tracking.run_name=wide"], "wide"),
        ],
    )
    def test_is_the_users_or_says_what_differs(self, settings, name):
        assert run_metadata.run_name(load(None, settings), NOON) == name

    def test_stays_short(self):
        config = load(None, [f"training.{key}=7" for key in ("epochs", "steps_per_epoch")])
        assert run_metadata.in_short(run_metadata.changes(config), longest=12) == "epochs=7 ..."
        everything = [f"features.numeric=[{', '.join('abcdefghijklmnopqrstuvwxyz')}]"]
        assert len(run_metadata.in_short(run_metadata.changes(load(None, everything)))) == 80


class TestGathered:
    @pytest.fixture
    def gathered(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["/bin/huberflow", "run", "--set", "data.label=a b"])
        return run_metadata.gather(load(None, ["seed=7"]), tmp_path / "w" / "logs" / "run-1.log")

    def test_are_the_command_to_type_again(self, gathered):
        assert shlex.split(gathered.command) == ["huberflow", "run", "--set", "data.label=a b"]

    def test_are_the_versions_that_were_installed(self, gathered):
        assert {"huberflow", "tensorflow", "tfx", "mlflow", "python"} < set(gathered.versions)
        for version in gathered.versions.values():
            assert re.match(r"\d+\.\d+", version)

    def test_are_where_it_lies_and_what_is_special(self, gathered, tmp_path):
        assert gathered.workspace == str(tmp_path / "w")
        assert gathered.log == str(tmp_path / "w" / "logs" / "run-1.log")
        assert gathered.changes == {"seed": 7}

    def test_are_json(self, gathered):
        text = json.dumps(gathered.to_json())
        assert type(gathered).from_json(json.loads(text)) == gathered
