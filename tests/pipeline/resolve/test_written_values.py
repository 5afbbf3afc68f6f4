"""Numbers and dates as people write them: what a config says of them, and what is told."""

import shlex

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config.writing import to_yaml
from huberflow.pipeline.resolve.resolved_run import resolve_config

ROWS = 60


@pytest.fixture
def resolved(tmp_path):
    """The config for columns of texts in CSV, repeated, beside a feature and a label."""

    def resolved(columns, *settings, separator=";", label=None):
        repeated = {name: (texts * ROWS)[:ROWS] for name, texts in columns.items()}
        number = [f"{place * 0.37:.2f}" for place in range(ROWS)]
        table = {"number": number, **repeated, "y": label or number}
        lines = [separator.join(row) for row in zip(*table.values(), strict=True)]
        path = tmp_path / "a.csv"
        path.write_text("\n".join([separator.join(table), *lines]) + "\n")
        return resolve_config(None, [f"data.path={path}", "data.label=y", *settings])

    return resolved


def told(found, *words):
    return [line for line in found.warnings() if all(word in line for word in words)]


AMOUNTS = {
    "$1,234.56": ["$1,234.56", "$7.00", "-$3.50"],
    "1.234,56 €": ["1.234,56 €", "7,00 €"],
    "1,234.56%": ["12.5%", "3.0%"],
    "1 234.56": ["1 000", "950", "2\u00a0345"],
    "1,234.56": ["(45)", "7", "1,200.5"],
    "1.234,56": ["0,7", "7", "-1,25"],
    "CHF 1,234.56": ["CHF 12.50", "CHF 1,000"],
    "1'234.56": ["1'234.50", "12"],
}


@pytest.mark.parametrize("name", AMOUNTS)
def test_an_amount_is_a_number_with_its_format_beside_the_column(resolved, name):
    found = resolved({"x": AMOUNTS[name]})
    assert found.config.features.amounts == {"x": name}
    assert "x" in found.config.columns()
    assert told(found, "numbers", f"x ({name})")
    assert not told(found, "data.decimal")


def test_labels_and_weights_may_be_amounts(resolved):
    label = [f"{1000 + 7.5 * place:,.2f} €".translate({44: 46, 46: 44}) for place in range(ROWS)]
    found = resolved({"w": ["0,5", "1,5", "2"]}, "data.weight=w", label=label)
    assert found.config.data.amounts == {"y": "1.234,56 €", "w": "1.234,56"}
    assert found.config.model.task == "regression"
    assert found.data.profile.columns["y"].least == 1000
    assert found.config.features.columns() == ["number"]


class TestAmbiguous:
    """``1,234`` and ``1.234`` may each be two numbers."""

    @pytest.mark.parametrize(
        ("texts", "name", "key"),
        [
            (["1,234", "7", "12,000"], "1,234.56", "data.decimal=comma"),
            (["1.234 €", "7 €"], "1.234,56 €", "data.decimal=point"),
        ],
    )
    def test_it_is_told_how_it_was_read_and_the_key_reads_it_otherwise(
        self, resolved, texts, name, key
    ):
        found = resolved({"x": texts})
        assert found.config.features.amounts == {"x": name}
        assert told(found, "x: ", f"--set {key}")
        other = resolved({"x": texts}, key)
        assert other.config.features.amounts["x"] not in (name, None)
        assert not told(other, "--set data.decimal")

    def test_plain_numbers_stay_plain_unless_the_user_says_otherwise(self, resolved):
        found = resolved({"x": ["1.234", "2.500", "12.000"]})
        assert "x" in found.config.features.numeric
        assert told(found, "x: ", "--set data.decimal=comma")
        other = resolved({"x": ["1.234", "2.500", "12.000"]}, "data.decimal=comma")
        assert other.config.features.amounts == {"x": "1.234,56"}
        assert other.data.profile.columns["x"].most == 12_000

    def test_one_row_decides(self, resolved):
        found = resolved({"x": ["1,234", "0,5", "12,000"], "z": ["1.234", "0.5", "12.000"]})
        assert found.config.features.amounts == {"x": "1.234,56"}
        assert "z" in found.config.features.numeric
        assert not told(found, "data.decimal")


def test_an_amount_that_predicts_the_label_is_told(resolved):
    double = [f"${0.74 * place:,.2f}" for place in range(ROWS)]
    assert told(resolved({"x": double}), "x alone predicts y")


def test_several_units_are_no_one_number(resolved):
    found = resolved({"x": [f"{sign}{place}" for place in range(40) for sign in "$€"]})
    assert found.config.features.amounts == {}
    assert "$" in found.config.data.left_out["x"]


def test_periods_are_no_amounts(resolved):
    assert resolved({"x": ["1935-", "1940-"]}).config.features.categorical == ("x",)


def test_a_share_without_its_sign_is_no_share(resolved):
    assert resolved({"x": ["5%", "0.05"]}).config.features.amounts == {}


def test_a_few_other_texts_among_amounts_are_missing_and_told(resolved):
    found = resolved({"x": [*(f"${place}.50" for place in range(59)), "call us"]})
    assert found.data.profile.columns["x"].missing == 1
    assert told(found, "missing", "1 x 'call us'")


def test_a_wrong_use_of_an_amount_is_refused_with_the_right_one(resolved):
    with pytest.raises(InputError) as error:
        resolved({"x": AMOUNTS["$1,234.56"]}, "features.numeric=[x]")
    _, setting = shlex.split(error.value.write)
    found = resolved({"x": AMOUNTS["$1,234.56"]}, setting).config.features
    assert (found.amounts, found.numeric) == ({"x": "$1,234.56"}, ())


DATES = {
    "MM/DD/YYYY": ["11/8/2016", "1/25/2016"],
    "MM/DD/YY": ["1/5/24", "12/31/23"],
    "DD.MM.YY": ["1.5.24", "31.12.23"],
    "DD-Mon-YYYY": ["05-Jan-2016", "6-FEB-2017"],
    "Mon DD, YYYY": ["January 3, 2019", "Mar 14, 2019"],
    "DDMonYYYY": ["05JAN2016", "06FEB2017"],
    "YYYYMMDD": ["20240105", "20231231"],
    "MM/DD/YYYY hh:mm AM": ["1/25/2016 2:05 PM", "11/8/2016 12:00 AM"],
}


@pytest.mark.parametrize("name", DATES)
def test_dates_of_databases_spreadsheets_and_sas(resolved, name):
    found = resolved({"day": DATES[name]}, separator="|")
    assert found.config.features.dates == {"day": name}
    assert told(found, "dates", f"day ({name})")


def test_day_and_month_that_look_alike_are_decided_by_the_user(resolved):
    texts = {"day": ["1/2/2016", "3/4/2017"]}
    assert resolved(texts).config.features.dates == {}
    assert "--set data.day_first=" in str(resolved(texts).data.profile.columns["day"].suggestion)
    for day_first, name in (("true", "DD/MM/YYYY"), ("false", "MM/DD/YYYY")):
        found = resolved(texts, f"data.day_first={day_first}")
        assert found.config.features.dates == {"day": name}


@pytest.mark.parametrize("bad", ["0000-00-00", "pending", "0"])
def test_a_bad_date_among_good_ones_is_missing_and_told(resolved, bad):
    days = [f"2024-{1 + place // 28:02}-{1 + place % 28:02}" for place in range(59)]
    found = resolved({"day": [*days, bad]})
    assert found.config.features.dates == {"day": "YYYY-MM-DD"}
    assert found.data.profile.columns["day"].missing == 1
    assert told(found, "missing", f"1 x '{bad}'")


def test_rows_with_a_bad_date_are_in_no_split(resolved):
    days = [f"2024-{1 + place // 28:02}-{1 + place % 28:02}" for place in range(59)]
    found = resolved({"day": [*days, "0000-00-00"]}, "data.splits.column=day")
    assert told(found, "dropped: 1 rows without day")


def test_seconds_since_1970_are_a_date_when_asked(resolved):
    seconds = {"at": [str(1_700_000_000 + 86_399 * place) for place in range(ROWS)]}
    found = resolved(seconds)
    assert "at" in found.config.features.numeric
    assert told(found, "at", "seconds since 1970", "features.dates")
    found = resolved(seconds, "features.dates={at: seconds}")
    assert found.config.features.dates == {"at": "seconds"}
    assert "at" not in found.config.features.numeric


@pytest.mark.parametrize("name", ["DD/MM/YYYY", "seconds"])
def test_a_format_that_the_values_do_not_have_is_refused(resolved, name):
    with pytest.raises(InputError) as error:
        resolved({"day": ["2024-01-31", "2024-02-01"]}, f"features.dates={{day: {name}}}")
    assert error.value.key == "features.dates"


def test_days_alone_fit_a_format_with_a_time(resolved):
    days = {"day": ["2024-01-31", "2024-02-01"]}
    name = "YYYY-MM-DD hh:mm"
    found = resolved(days, f"features.dates={{day: '{name}'}}")
    assert found.config.features.dates == {"day": name}


def test_texts_in_parquet_are_read_alike(tmp_path):
    columns = {"x": ["$1,234.50", "$7.00"] * 30, "day": ["1/25/2016", "2/3/2016"] * 30}
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({**columns, "y": [0.5 * place for place in range(ROWS)]}), path)
    found = resolve_config(None, [f"data.path={path}", "data.label=y"]).config.features
    assert (found.amounts, found.dates) == ({"x": "$1,234.56"}, {"day": "MM/DD/YYYY"})


def test_a_printed_config_reads_the_same_values(resolved, tmp_path):
    label = [f"{1000 + 7.5 * place:,.2f} €".translate({44: 46, 46: 44}) for place in range(ROWS)]
    found = resolved({"größe": AMOUNTS["1.234,56 €"], "day": DATES["DD.MM.YY"]}, label=label)
    printed = to_yaml(found.config)
    assert "amounts: {größe: '1.234,56 €'}" in printed
    (tmp_path / "my.yaml").write_text(printed, encoding="utf-8")
    assert resolve_config(tmp_path / "my.yaml").config == found.config
