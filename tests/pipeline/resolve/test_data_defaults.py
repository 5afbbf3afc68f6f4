"""What `--data` and `--label` decide of a config, and what the user keeps in hand."""

from __future__ import annotations

import csv
import random
import shlex
from datetime import date

import pytest
from click.testing import CliRunner

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.config.writing import to_yaml
from huberflow.pipeline.resolve.resolved_run import load, resolve_config


@pytest.fixture
def houses(tmp_path):
    """Houses by number, date, district, rooms, area and price; a few have no price."""
    chance = random.Random(7)  # noqa: S311 (rows, not secrets)
    path = tmp_path / "old-houses.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "sold", "district", "rooms", "area", "country", "price"])
        for number in range(400):
            area = round(chance.uniform(20, 200), 1)
            table.writerow(
                [
                    number,
                    f"20{number % 20:02}-03-{1 + number % 28:02}",
                    chance.choice(["North", "South"]),
                    1 + number % 5,
                    area,
                    "Utopia",
                    "" if number % 50 == 7 else round(2000 * area + chance.gauss(0, 9000)),
                ]
            )
    return path


@pytest.fixture
def resolved(houses):
    given = [f"data.path={houses}", "data.label=price"]
    return lambda *settings: resolve_config(None, [*given, *settings])


@pytest.fixture
def config(resolved):
    return lambda *settings: resolved(*settings).config


class TestInferred:
    def test_uses_and_all_else_are_of_the_data(self, config):
        found = config()
        features, data = found.features, found.data
        assert features.numeric == ("area",)
        assert features.categorical == ("district", "rooms")
        assert (features.dates, features.cyclic) == ({"sold": "YYYY-MM-DD"}, {})
        assert set(data.left_out) == {"id", "country"}
        assert data.left_out["country"] == "always Utopia"
        assert data.rows_without_label == 8
        assert (found.name, found.model.label_scale) == ("old-houses", "standard")
        assert found.evaluation.slices == (("district",), ("rooms",))
        (bound,) = found.evaluation.gate
        assert (bound.metric, bound.upper_bound, bound.max_increase) == ("huber", None, 0.1)

    def test_without_data_it_is_the_taxi_trips(self):
        assert load().data.label == "fare"
        assert load().features.dates == {}


class TestTheUserHasTheLastWord:
    def test_on_the_use_of_columns(self, config):
        assert "country" in config("data.keep=[country]").features.categorical
        found = config("data.exclude=[district]")
        assert found.features.categorical == ("rooms",)
        assert found.data.left_out["district"] == "excluded"
        features = config("features.numeric=[area, rooms]").features
        assert (features.numeric, features.categorical) == (("area", "rooms"), ("district",))

    def test_on_what_a_row_weighs(self, resolved):
        found = resolved("data.weight=area")
        assert found.config.features.numeric == ()
        assert found.config.data.left_out["area"] == "weights of the rows"
        assert "left out: area: weights of the rows" in found.warnings()

    def test_on_all_else(self, config):
        found = config("evaluation.slices=[]", "name=homes", "model.label_scale=none")
        assert (found.evaluation.slices, found.name) == ((), "homes")
        assert found.model.label_scale == "none"

    def test_in_a_file(self, houses, tmp_path):
        (tmp_path / "my.yaml").write_text(f"data: {{path: {houses}, label: area}}\n")
        assert load(tmp_path / "my.yaml").data.label == "area"


class TestSplits:
    def test_by_a_date_are_found_as_days_in_the_shares_of_the_splits(self, config):
        found = config("data.splits.column=sold")
        days = found.data.splits.days
        assert (days.written, days.validation < days.eval) == ("YYYY-MM-DD", True)
        assert found.features.dates == {"sold": "YYYY-MM-DD"}, "a date stays a feature"

    def test_a_day_that_is_given_wins(self, config):
        days = config(
            "data.splits.column=sold", "data.splits.days.eval=2018-01-01"
        ).data.splits.days
        assert days.eval == date(2018, 1, 1)
        assert days.validation == config("data.splits.column=sold").data.splits.days.validation

    def test_days_that_were_found_stay_in_the_file_that_keeps_them(self, config, houses, tmp_path):
        found = config("data.splits.column=sold")
        (tmp_path / "my.yaml").write_text(to_yaml(found))
        houses.write_text(houses.read_text() + "400,2031-03-01,North,3,90.5,Utopia,180000\n" * 400)
        assert config("data.splits.column=sold").data.splits.days != found.data.splits.days
        assert load(tmp_path / "my.yaml").data.splits.days == found.data.splits.days

    def test_in_words_are_found_and_the_column_is_no_feature(self, config):
        asked = "data.splits.values={North: train, South: eval}"
        found = config("data.splits.column=district", asked)
        assert found.data.splits.values == {"North": "train", "South": "eval"}
        assert found.data.left_out["district"] == "names the split"
        assert "district" not in found.features.columns()

    def test_by_files_name_the_model_after_what_they_share(self, houses, tmp_path):
        rows = houses.read_text()
        for name in ("prices-train.csv", "test.csv"):
            (tmp_path / name).write_text(rows)
        found = load(
            None,
            [
                "data.label=price",
                f"data.splits.files.train={tmp_path}/prices-train.csv",
                f"data.splits.files.eval={tmp_path}/test.csv",
            ],
        )
        assert found.name == "prices"
        assert found.data.rows_without_label == 16, "of both files"


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                ["data.label=district", "model.task=regression"],
                "data.label: expected numbers in 'district', received text such as 'North'",
            ),
            (["data.weight=area", "features.numeric=[area]"], "data.weight: expected a column"),
            (["data.exclude=rooms"], "data.exclude: expected a list of columns"),
            (["features.numeric=5"], "features.numeric: expected a valid"),
            (["features=5"], "features: "),
        ],
    )
    def test_in_words(self, config, settings, message):
        with pytest.raises(InputError) as refused:
            config(*settings)
        assert str(refused.value).startswith(message)

    def test_without_a_label(self, houses):
        with pytest.raises(InputError, match=r"write: --label NAME, one of id, sold, .*price$"):
            load(None, [f"data.path={houses}"])


class TestWarnings:
    def test_name_what_is_left_out_and_dropped(self, resolved):
        warnings = resolved().warnings()
        assert "left out: country: always Utopia" in warnings
        assert "dropped: 8 rows without price" in warnings

    def test_name_rows_without_a_date_to_split_by(self, resolved, houses):
        houses.write_text(houses.read_text() + "401,,North,3,90.5,Utopia,180000\n" * 3)
        assert "dropped: 3 rows without sold" in resolved("data.splits.column=sold").warnings()

    def test_name_a_feature_that_predicts_the_label_alone(self, resolved, houses):
        lines = houses.read_text().splitlines()
        doubled = [f"{lines[0]},cents", *(f"{line},{_hundredfold(line)}" for line in lines[1:])]
        houses.write_text("\n".join(doubled) + "\n")
        warnings = resolved().warnings()
        assert any(line.startswith("cents alone predicts price: ") for line in warnings)

    def test_of_the_taxi_trips_are_none(self):
        assert resolve_config().warnings() == []


def _hundredfold(line: str) -> str:
    price = line.rpartition(",")[2]
    return f"{price}00" if price else ""


class TestCommandLine:
    def test_data_and_label_are_options_and_a_setting_wins(self, houses):
        asked = ["config", "--data", str(houses), "--label", "price", "--set", "data.label=area"]
        done = CliRunner().invoke(cli, asked)
        assert done.exit_code == 0, done.stderr
        assert "dates: {sold: YYYY-MM-DD}" in done.stdout
        assert "label: area" in done.stdout

    def test_eval_data_is_what_the_model_is_judged_by(self, houses, tmp_path):
        (tmp_path / "new.csv").write_text(houses.read_text())
        files = ["--data", str(houses), "--eval-data", str(tmp_path / "new.csv")]
        done = CliRunner().invoke(cli, ["config", *files, "--label", "price"])
        assert done.exit_code == 0, done.stderr
        assert f"train: {houses}" in done.stdout
        assert f"eval: {tmp_path}/new.csv" in done.stdout

    @pytest.mark.parametrize("way", ["files", "column"])
    def test_a_class_that_train_lacks_is_refused_with_what_drops_its_rows(self, tmp_path, way):
        """As in the census of 1994: the test rows end in a full stop."""
        header, settings = "age,income\n", [f"data.path={tmp_path}/all.csv"]
        train = [f"{n},{'>50K' if n % 2 else '<=50K'}\n" for n in range(20, 60)]
        other = [f"{n},{'>50K.' if n % 2 else '<=50K.'}\n" for n in range(20, 60)]
        if way == "files":
            (tmp_path / "train.csv").write_text(header + "".join(train))
            (tmp_path / "test.csv").write_text(header + "".join(other))
            files = f"train: {tmp_path}/train.csv, eval: {tmp_path}/test.csv"
            settings = [f"data.splits.files={{{files}}}"]
        else:
            lines = [f"07,{row}" for row in train] + [f"8,{row}" for row in other]
            (tmp_path / "all.csv").write_text("part," + header + "".join(lines))
            settings += ["data.splits.column=part", "data.splits.values={7: train, 8: eval}"]
        settings += ["data.label=income"]
        with pytest.raises(InputError) as refused:
            resolve_config(None, settings)
        assert refused.value.expected.startswith("the classes of the train rows (<=50K, >50K)")
        assert refused.value.received.startswith("'<=50K.', '>50K.'")
        written = shlex.split(refused.value.write)[1]
        with pytest.raises(InputError, match="eval") as none_left:  # here all eval rows are such
            resolve_config(None, [*settings, written])
        assert "rows with income" in none_left.value.expected

    def test_what_it_prints_is_a_config_of_the_same_run(self, houses, tmp_path):
        asked = ["--data", str(houses), "--label", "price"]
        printed = CliRunner().invoke(cli, ["config", *asked]).stdout
        (tmp_path / "my.yaml").write_text(printed)
        assert load(tmp_path / "my.yaml") == load(None, [f"data.path={houses}", "data.label=price"])
