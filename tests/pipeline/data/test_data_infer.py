"""What each column is used for, and which ones leak the label."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huberflow.pipeline.data.checks import check_label, describe_leaks
from huberflow.pipeline.data.infer import InferredUses, infer_uses
from huberflow.pipeline.data.profile import profile_rows
from huberflow.pipeline.data.source import find_source
from huberflow.pipeline.resolve.resolved_run import resolve_config

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


def test_every_column_has_one_use(found):
    assert found == InferredUses(
        numeric=["area", "people", "year_built", "income_cents", "number_of_rooms"],
        categorical=[
            "district", "district_with_gaps", "shop_id", "roof", "only_sometimes", "visited",
        ],
        boolean=["garden"],
        cyclic={"startHour": 24, "weekday": 7, "sold_month": 12},
        dates={"built": "YYYY-MM-DD"},
        left_out={
            "row": "a running number: 1,000 values in 1,000 rows",
            "customer_id": "an id by its name: 1,000 values in 1,000 rows",
            "code": "an id: 1,000 values in 1,000 rows",
            "remark": "free text: 7 words, 1,000 values",
            "country": "always Norway",
            "lift": "missing in 999 of 1,000 rows",
            "ratio": "infinite, or beyond 3.4e+38, in 1 of 1,000 rows",
            "clock": "the same as 32-bit floats, or nearly: 1.15292e+18 to 1.15292e+18",
            "nothing": "no value in any row",
            "tags": "lists, structures, bytes or times",
        },
    )  # fmt: skip


def test_kept_columns_are_used(table):
    found = infer_uses(table, ["price"], keep=["row", "remark", "country"])
    assert "row" in found.numeric
    assert {"remark", "country"} <= set(found.categorical)
    assert not {"row", "remark", "country"} & set(found.left_out)


@pytest.mark.parametrize(
    ("options", "name", "reason"),
    [
        ({"exclude": ["area"]}, "area", "excluded"),
        ({"weight": "people"}, "people", "weights of the rows"),
    ],
)
def test_a_column_for_another_use_is_no_feature(table, options, name, reason):
    found = infer_uses(table, ["price"], **options)
    assert name not in found.numeric
    assert found.left_out[name] == reason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("NA", None),
        (
            "unknown",
            "numbers except 1 x 'unknown'; if they mean a missing value, write: "
            "--set 'data.missing=[unknown]'",
        ),
    ],
)
def test_numbers_with_a_mark_for_missing_are_used_and_with_a_word_left_out(tmp_path, word, reason):
    file = tmp_path / "a.csv"
    rows = [f"{number / 3},{number / 2},{number % 7}" for number in range(100)]
    file.write_text("\n".join(["x,z,y", f"{word},1,1", *rows]) + "\n")
    found = infer_uses(profile_rows(find_source(file)), ["y"])
    assert found.left_out.get("x") == reason
    assert ("x" in found.numeric) == (reason is None)


def test_words_that_the_config_names_are_missing_values(tmp_path):
    rows = [f"{number / 3},{number % 7},town{number % 3}" for number in range(100)]
    lines = ["x,y,word", "unknown,1,unknown", "unknown,unknown,town1", *rows]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    asked = [f"data.path={tmp_path}/a.csv", "data.label=y", "data.missing=[unknown]"]
    found = resolve_config(None, asked)
    assert found.config.features.numeric == ("x",)
    assert found.config.data.rows_without_label == 1
    assert found.data.profile.columns["word"].missing == 1
    assert "unknown" not in found.data.profile.columns["word"].values


def test_rows_without_a_label_are_counted(table):
    assert check_label(table, "district_with_gaps").missing == ROWS - len(range(0, ROWS, 3))


@pytest.fixture
def warn(tmp_path):
    def warn(label, **features):
        file = tmp_path / "a.parquet"
        pq.write_table(pa.table({"price": label, **features}), file)
        source = find_source(file)
        return describe_leaks(source, profile_rows(source), "price", list(features))

    return warn


PRICE = DRAW.lognormal(size=ROWS)
CLASSES = numbers(1, 9)


@pytest.mark.parametrize(
    ("price", "feature", "leak"),
    [
        (PRICE, PRICE * -1.2 + 3, "their correlation is -1.0000"),
        (PRICE, np.log(PRICE), "the correlation of their ranks is 1.0000"),
        (
            CLASSES * 10.0,
            [f"class {number * 7 % 9}" for number in CLASSES],
            "its values explain 100.00% of the variance",
        ),
    ],
)
def test_a_feature_that_leaks_the_label_is_named(warn, price, feature, leak):
    assert warn(price, x=feature) == [
        f"x alone predicts price: {leak}; if it is not known when a prediction is needed, "
        "write: --set 'data.exclude=[x]'"
    ]


@pytest.mark.parametrize(
    "feature", [PRICE + DRAW.normal(size=ROWS) / 5, [f"house {number}" for number in range(ROWS)]]
)
def test_a_good_feature_or_another_word_in_each_row_is_no_leak(warn, feature):
    assert warn(PRICE, x=feature) == []


def test_rows_without_label_or_feature_do_not_hide_a_leak(warn):
    price = [None if n % 4 == 0 else n * 1.0 for n in range(ROWS)]
    same = [None if n % 5 == 0 else n * 2.0 for n in range(ROWS)]
    assert len(warn(price, x=same)) == 1
