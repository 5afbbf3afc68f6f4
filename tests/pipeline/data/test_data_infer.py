"""What each column is used for, and which ones leak the label."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huberflow.pipeline.data.checks import check_label, describe_leaks
from huberflow.pipeline.data.infer import infer_uses
from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.source import find_source

ROWS = 1000
DRAW = np.random.default_rng(7)


def numbers(low, high):
    return DRAW.integers(low, high, ROWS, endpoint=True)


def of(values):
    return [values[number % len(values)] for number in range(ROWS)]


COLUMNS = {
    "price": DRAW.normal(size=ROWS),
    # numbers
    "area": DRAW.normal(size=ROWS),
    "people": numbers(0, 500),
    "year_built": numbers(2000, 2020),
    "income_cents": DRAW.permutation(ROWS) * 977,
    "number_of_rooms": numbers(1, 9),
    # categories
    "district": numbers(1, 12),
    "district_with_gaps": [None if n % 3 else float(n % 5) for n in range(ROWS)],
    "shop_id": numbers(10_000, 10_050),
    "garden": of([True, False]),
    "roof": of(["flat", "gable", None]),
    "only_sometimes": of(["yes", None]),
    # periodic
    "startHour": of(range(24)),
    "weekday": of(range(7)),
    "sold_month": of(range(1, 13)),
    # dates
    "built": of(["2001-02-03", "1999-12-31"]),
    # left out
    "row": range(ROWS),
    "customer_id": DRAW.permutation(ROWS) * 7919,
    "code": [f"c{number}" for number in range(ROWS)],
    "remark": [f"a house with {number} windows and doors" for number in range(ROWS)],
    "country": of(["Norway"]),
    "lift": [1, *[None] * (ROWS - 1)],
    "ratio": [float("inf"), *DRAW.normal(size=ROWS - 1)],
    "clock": [2**60 + 4096 * (number * 7 % ROWS) for number in range(ROWS)],
    "nothing": pa.nulls(ROWS),
    "tags": of([["a", "b"]]),
    "visited": of([f"{day:02}/{day:02}/2024" for day in range(1, 13)] * 5 + ["01/02/2020"]),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("houses") / "houses.parquet"
    pq.write_table(pa.table(COLUMNS), file)
    return find_source(file)


@pytest.fixture(scope="module")
def table(source):
    return profile_rows(source)


@pytest.fixture(scope="module")
def found(table):
    return infer_uses(table, ["price"])


class TestUses:
    def test_numbers(self, found):
        expected = ["area", "people", "year_built", "income_cents", "number_of_rooms"]
        assert found.numeric == expected

    def test_categories(self, found):
        assert found.categorical == [
            "district",
            "district_with_gaps",
            "shop_id",
            "garden",
            "roof",
            "only_sometimes",
            "visited",
        ]

    def test_periodic(self, found):
        assert found.cyclic == {"startHour": 24, "weekday": 7, "sold_month": 12}

    def test_dates(self, found):
        assert found.dates == {"built": "YYYY-MM-DD"}

    def test_what_is_left_out_and_why(self, found):
        assert found.left_out == {
            "row": "a running number: 1,000 values in 1,000 rows",
            "customer_id": "an id by its name: 1,000 values in 1,000 rows",
            "code": "an id: 1,000 values in 1,000 rows",
            "remark": "free text: 7 words, 1,000 values",
            "country": "always Norway",
            "lift": "missing in 999 of 1,000 rows",
            "ratio": "infinite, or beyond 3.4e+38, in 1 of 1,000 rows",
            "clock": "the same as 32-bit floats, or nearly: 1.15292e+18 to 1.15292e+18",
            "nothing": "no value in any row",
            "tags": "lists, structures or bytes",
        }

    def test_every_column_has_one(self, table, found):
        named = [
            *found.numeric,
            *found.categorical,
            *found.cyclic,
            *found.dates,
            *found.left_out,
        ]
        assert sorted([*named, "price"]) == sorted(table.columns)


class TestChoices:
    def test_kept_columns_are_used(self, table):
        found = infer_uses(table, ["price"], keep=["row", "remark", "country"])
        assert "row" in found.numeric
        assert {"remark", "country"} <= set(found.categorical)
        assert not {"row", "remark", "country"} & set(found.left_out)

    def test_excluded_columns_are_not(self, table):
        found = infer_uses(table, ["price"], exclude=["area"])
        assert "area" not in found.numeric
        assert found.left_out["area"] == "excluded"


def test_weights_of_the_rows_are_no_feature(table):
    found = infer_uses(table, ["price"], weight="people")
    assert "people" not in found.numeric
    assert found.left_out["people"] == "weights of the rows"


def test_numbers_with_words_for_missing_are_left_out(tmp_path):
    file = tmp_path / "a.csv"
    rows = [f"{number},{number / 2},{number % 7}" for number in range(100)]
    file.write_text("\n".join(["x,z,y", "NA,1,1", *rows]) + "\n")
    found = infer_uses(profile_rows(find_source(file)), ["y"])
    assert found.left_out["x"] == "numbers except 1 x 'NA'; leave these fields empty"


class TestLabel:
    def test_rows_without_it_are_counted(self, table):
        column = check_label(table, "district_with_gaps")
        assert column.missing == ROWS - len(range(0, ROWS, 3))


@pytest.fixture
def warn(tmp_path):
    def warn(label, **features):
        file = tmp_path / "a.parquet"
        pq.write_table(pa.table({"price": label, **features}), file)
        source = find_source(file)
        return describe_leaks(source, profile_rows(source), "price", list(features))

    return warn


class TestLeaks:
    PRICE = DRAW.lognormal(size=ROWS)
    ADVICE = "if it is not known when a prediction is needed, write: --set data.exclude=[x]"

    def test_the_same_in_other_units(self, warn):
        assert warn(self.PRICE, x=self.PRICE * -1.2 + 3) == [
            f"x alone predicts price: their correlation is -1.0000; {self.ADVICE}"
        ]

    def test_the_same_along_a_curve(self, warn):
        assert warn(self.PRICE, x=np.log(self.PRICE)) == [
            f"x alone predicts price: the correlation of their ranks is 1.0000; {self.ADVICE}"
        ]

    def test_a_word_for_each_price(self, warn):
        classes = numbers(1, 9)
        assert warn(classes * 10.0, x=[f"class {number * 7 % 9}" for number in classes]) == [
            f"x alone predicts price: its values explain 100.00% of the variance; {self.ADVICE}"
        ]

    def test_a_good_feature_is_none(self, warn):
        assert warn(self.PRICE, x=self.PRICE + DRAW.normal(size=ROWS) / 5) == []

    def test_different_words_in_every_row_are_none(self, warn):
        assert warn(self.PRICE, x=[f"house {number}" for number in range(ROWS)]) == []

    def test_rows_without_label_or_feature_do_not_hide_it(self, warn):
        price = [None if n % 4 == 0 else n * 1.0 for n in range(ROWS)]
        same = [None if n % 5 == 0 else n * 2.0 for n in range(ROWS)]
        assert len(warn(price, x=same)) == 1
