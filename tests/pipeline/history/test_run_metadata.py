"""What a run is remembered by, and what it is called."""

import json
import re
import shlex
import sys
from datetime import datetime
from pathlib import Path

import pytest

from huberflow.pipeline.config import Config, Data, Tracking
from huberflow.pipeline.history import run_metadata

NOON = datetime(2026, 5, 17, 12, 30, 45)


class TestName:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({}, "defaults 05-17 12:30:45"),
            ({"training.loss.name": "CustomMSE"}, "CustomMSE 05-17 12:30:45"),
            ({"training.loss.config.threshold": 2.0}, "threshold=2.0 05-17 12:30:45"),
        ],
    )
    def test_is_what_differs_from_the_defaults(self, changes, name):
        assert run_metadata.run_name(Config(), changes, NOON) == name

    def test_in_the_config_wins(self):
        config = Config(tracking=Tracking(run_name="wide"))
        assert run_metadata.run_name(config, {"training.epochs": 3}, NOON) == "wide"

    def test_leaves_out_the_data_which_name_the_model(self):
        config = Config(data=Data(path=Path("flats.csv"), label="rent"))
        changes = {"data.path": "flats.csv", "data.label": "rent", "training.epochs": 3}
        assert run_metadata.run_name(config, changes, NOON) == "epochs=3 05-17 12:30:45"

    def test_stays_short(self):
        changes = {"training.epochs": 7, "training.steps_per_epoch": 7}
        assert run_metadata.short_settings(changes, longest=12) == "epochs=7 ..."
        assert (
            len(run_metadata.short_settings({"features.numeric": list("abcdefghijklmnopqrst")}))
            == 80
        )


class TestGathered:
    @pytest.fixture
    def gathered(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["/bin/huberflow", "run", "--set", "data.label=a b"])
        return run_metadata.gather({"seed": 7}, tmp_path / "w" / "logs" / "run-1.log")

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
