from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import __main__
from benchmarks.quality import compare, models
from benchmarks.quality.compare import Comparison
from benchmarks.quality.models import Score, Split
from benchmarks.quality.tables import HELD_OUT, TABLES, Table


@pytest.fixture(scope="module")
def wine():
    few_steps = (*TABLES["wine"].settings, "training.epochs=4")
    return models.problem(replace(TABLES["wine"], settings=few_steps))


class TestTables:
    def test_a_quarter_or_more_were_held_out(self):
        assert set(HELD_OUT) < set(TABLES)
        assert len(HELD_OUT) >= len(TABLES) / 4

    @pytest.mark.parametrize("name", TABLES)
    def test_ship_with_a_package_and_have_a_label_in_every_row(self, name):
        rows, table = TABLES[name].read(), TABLES[name]
        assert 150 <= len(rows) <= 100_000
        assert rows[table.label].notna().all()
        assert not {"rownames", *table.without} & set(rows.columns)


def test_a_split_has_each_row_once_and_follows_the_seed():
    split = Split.of(1000, seed=3)
    assert sorted(np.concatenate([split.train, split.validation, split.eval])) == list(range(1000))
    assert [len(split.train), len(split.validation)] == pytest.approx([600, 100], abs=60)
    np.testing.assert_array_equal(split.eval, Split.of(1000, seed=3).eval)
    assert set(split.eval) != set(Split.of(1000, seed=4).eval)


@pytest.mark.parametrize("contender", models.CONTENDERS)
def test_every_contender_learns_classes(contender, wine):
    chance = np.log(3)
    assert models.score(contender, wine, seed=1).error < chance / 3


@pytest.mark.parametrize("contender", ["boosting", "forest"])
def test_categories_and_gaps_are_no_obstacle_to_the_trees(contender, monkeypatch):
    penguins = Table("palmerpenguins", "penguins", "body_mass_g")
    given = models.problem(penguins)
    assert set(given.config.features.categorical) > {"species", "sex"}
    assert given.rows["sex"].isna().any()
    assert models.score(contender, given, seed=1).error < 400


def test_an_error_is_that_of_the_rows_that_are_asked_for(wine):
    places = np.array([0, len(wine.truth) - 1])
    sure = np.eye(3)[wine.truth[places]]
    assert wine.error(places, np.full((2, 3), 1 / 3)) == pytest.approx(np.log(3))
    assert wine.error(places, 0.98 * sure + 0.01) < 0.03


def test_the_table_has_ratios_and_whether_the_goals_are_met(capsys):
    def compared(name, *errors):
        scores = dict(zip(models.CONTENDERS, ([Score(each, 1.0)] for each in errors), strict=True))
        return Comparison(name, 200, "log loss", scores)

    compare.show([compared("ames", 0.9, 1.0, 2.0), compared("leaves", 1.3, 2.0, 1.0)])

    printed = capsys.readouterr().out
    first, second = [line for line in printed.splitlines() if "log loss" in line]
    assert "ames " in first
    assert " 0.90 " in first
    assert "leaves* " in second
    assert " 1.30 " in second
    assert "2 tables: geometric mean 1.082, goal 1.0 missed; most 1.30, goal 1.25 missed" in printed
    assert "1 held out: geometric mean 1.300" in printed


def test_each_table_is_compared_in_every_split(monkeypatch, capsys):
    asked = []

    def score(contender, given, seed):
        asked.append((contender, seed))
        return Score(1.0, 1.0)

    monkeypatch.setattr(models, "score", score)
    monkeypatch.setattr(compare, "TABLES", {"wine": TABLES["wine"]})
    monkeypatch.setattr(compare.run, "__defaults__", (("wine",),))

    __main__.main(["--only", "quality", "--pairs", "2"], standalone_mode=False)

    assert asked == [(name, seed) for name in models.CONTENDERS for seed in (0, 1)]
    assert "wine: ratio 1.00" in capsys.readouterr().out


def test_a_forest_gets_numbers_only(wine):
    split = Split.of(len(wine.truth), 0)
    rows = pd.DataFrame(models._columns(wine, split, missing=-1e9))
    assert np.isfinite(rows.to_numpy()).all()
