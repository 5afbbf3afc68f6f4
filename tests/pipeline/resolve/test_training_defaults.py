"""Defaults of training that follow from the number of rows and the label."""

from __future__ import annotations

import math

import numpy as np
import pytest

from huberflow.pipeline.config import Splits
from huberflow.pipeline.resolve import training_defaults
from huberflow.pipeline.resolve.resolved_run import resolve_config


def budget(rows):
    return training_defaults.training_defaults("binary", rows, [])["training"]


class TestTheBudget:
    @pytest.mark.parametrize("rows", [1, 163, 1_000, 12_800])
    def test_of_few_rows_is_a_number_of_steps(self, rows):
        found = budget(rows)
        assert found["epochs"] * found["steps_per_epoch"] == training_defaults.STEPS
        assert found["early_stopping_patience"] * found["steps_per_epoch"] == 1_000
        assert 32 <= found["batch_size"] <= 256

    @pytest.mark.parametrize("rows", [30_000, 450_000, 10_000_000])
    def test_of_many_rows_is_whole_passes(self, rows):
        found = budget(rows)
        assert (found["steps_per_epoch"], found["batch_size"]) == (None, 256)
        assert found["epochs"] >= training_defaults.PASSES
        assert found["epochs"] * math.ceil(rows / 256) >= training_defaults.STEPS
        assert found["early_stopping_patience"] >= 5

    def test_grows_with_the_rows(self):
        sizes = [budget(rows)["batch_size"] for rows in (100, 2_000, 5_000, 10_000, 10**6)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]

    def test_counts_the_share_for_training(self):
        assert training_defaults.train_rows(1_000, Splits()) == 600
        assert training_defaults.train_rows(1, Splits()) == 1


@pytest.fixture
def table(tmp_path):
    def write(values):
        path = tmp_path / "table.csv"
        rows = [f"{number % 7},{value}" for number, value in enumerate(values)]
        path.write_text("\n".join(["x,y", *rows]) + "\n")
        return lambda *settings: resolve_config(
            None, [f"workspace={tmp_path}/w", f"data.path={path}", "data.label=y", *settings]
        )

    return write


def chance(size=500):
    return np.random.default_rng(3).normal(size=size)


class TestTheLabel:
    @pytest.mark.parametrize(
        ("values", "scale"),
        [
            (np.exp(8 + chance()), "log"),
            (-np.exp(8 + chance()), "standard"),
            (100 + 10 * chance(), "standard"),
            (1e6 + 10 * chance(), "standard"),
        ],
        ids=["a heavy tail", "one below 0", "even", "even and far from 0"],
    )
    def test_is_scaled_by_its_tail(self, table, values, scale):
        found = table(values)()
        assert found.config.model.label_scale == scale
        told = [line for line in found.training_plan() if "log(1 + y)" in line]
        assert bool(told) is (scale == "log")

    @pytest.mark.parametrize("unit", [1e-4, 1.0, 1e5])
    def test_has_a_threshold_in_its_own_unit(self, table, unit):
        found = table(unit * (50 + chance()))().config
        metrics = [*found.training.metrics, *found.evaluation.metrics]
        thresholds = [
            each.config["threshold"]
            for each in (found.training.loss, *metrics)
            if each.name.startswith("Huber")
        ]
        assert thresholds == pytest.approx([0.1 * unit] * 3, rel=0.2)

    def test_is_scaled_as_the_user_says(self, table):
        asked = table(np.exp(8 + chance()))
        found = asked("model.label_scale=standard", "training.loss.config.threshold=7").config
        assert (found.model.label_scale, found.training.loss.config) == (
            "standard",
            {"threshold": 7},
        )


def test_the_steps_are_told_as_they_will_be(table):
    rows = table(chance(300))
    assert rows().training_plan() == [
        "training: up to 4,000 steps in batches of 32, for about 180 rows"
    ]
    asked = rows("training.epochs=2", "training.early_stopping_patience=null")
    assert asked.training_plan() == ["training: 200 steps in batches of 32, for about 180 rows"]


def test_the_taxi_trips_keep_their_settings():
    found = resolve_config().config
    assert (found.features.bins, found.training.batch_size, found.training.epochs) == (0, 256, 20)
