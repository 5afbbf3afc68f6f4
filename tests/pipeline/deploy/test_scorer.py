"""What a table of raw columns may look like, and what is said of one that may not."""

import shutil

import numpy as np
import pandas as pd
import pytest

from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.golden_rows import golden_rows
from huberflow.pipeline.deploy.scorer import Scorer, ScoringError


def one(scorer, **columns):
    """The prediction for a row."""
    found = scorer.predict(pd.DataFrame({name: [v] for name, v in columns.items()}, dtype=object))
    return found["prediction"].item()


class TestPredictions:
    def test_are_those_of_the_signature_bit_for_bit(self, scorer, bundle):
        rows = golden_rows(bundle, scorer.columns)
        columns = {"miles": rows["miles"].astype(float), "company": rows["company"].to_list()}
        expected = reload.predictor(bundle, "columns")(**columns)["prediction"]
        np.testing.assert_array_equal(scorer.predict(rows)["prediction"], expected)
        assert expected.dtype == np.float32

    def test_of_golden_rows_are_those_of_the_trained_model(self, scorer, bundle):
        with np.load(bundle / reload.GOLDEN_VALUES) as golden:
            expected = golden["serving/prediction"]
        found = scorer.predict(golden_rows(bundle, scorer.columns))
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-6)

    def test_do_not_depend_on_the_order_of_columns(self, scorer):
        table = pd.DataFrame({"miles": [1.5, 2.5], "company": ["Blue", "Red"]})
        swapped = table[["company", "miles"]]
        np.testing.assert_array_equal(scorer.predict(table), scorer.predict(swapped))

    def test_of_no_rows_are_none(self, scorer):
        assert scorer.predict(pd.DataFrame({"miles": []})).empty


class TestMissing:
    @pytest.mark.parametrize("missing", [None, float("nan"), np.float32("nan"), pd.NA])
    def test_values_are_as_if_the_column_were_absent(self, scorer, missing):
        assert one(scorer, miles=missing, company="Red") == one(scorer, company="Red")
        assert one(scorer, miles=1.5, company=missing) == one(scorer, miles=1.5)

    def test_text_may_be_empty(self, scorer):
        assert one(scorer, miles=1.5, company="") == one(scorer, miles=1.5)

    def test_every_column_may_be(self, scorer):
        bare = scorer.predict(pd.DataFrame(index=range(1)))
        assert one(scorer, miles=None) == bare["prediction"].item()


class TestTypes:
    @pytest.mark.parametrize(
        "miles",
        [
            np.array([2], np.int8),
            np.array([2], np.float32),
            pd.array([2], "Int64"),
            pd.array([2.0], "Float32"),
            np.array([2], object),
            np.array([np.int16(2)], object),
        ],
    )
    def test_of_numbers(self, scorer, miles):
        found = scorer.predict(pd.DataFrame({"miles": miles}))
        assert found["prediction"].item() == one(scorer, miles=2.0)

    @pytest.mark.parametrize("dtype", ["string", "category"])
    def test_of_text(self, scorer, dtype):
        values = ["Red", None]
        found = scorer.predict(pd.DataFrame({"company": pd.Series(values, dtype=dtype)}))
        expected = scorer.predict(pd.DataFrame({"company": values}))
        np.testing.assert_array_equal(found, expected)


class TestRefusals:
    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            ({"mile": 1.0}, r"unknown column 'mile'; did you mean 'miles'\?"),
            ({"colour": 1.0}, r"unknown column 'colour'; expected any of company, miles"),
            ({3: 1.0}, r"unknown column 3; expected any of company, miles"),
            ({"miles": "1.5"}, r"row 1 of 1: miles: expected a number, received '1\.5'"),
            ({"miles": True}, r"miles: expected a number, received True"),
            ({"miles": [1.0]}, r"miles: expected a number, received \[1\.0\]"),
            ({"miles": pd.Timestamp(2024, 1, 1)}, r"miles: expected a number, received Timestamp"),
            ({"miles": float("inf")}, r"miles: expected a number within .*, received inf"),
            ({"miles": -1e39}, r"miles: expected a number within .*, received -1e\+39"),
            ({"miles": 10**400}, r"miles: expected a number within .*, received inf"),
            ({"company": 8}, r"row 1 of 1: company: expected text, received 8"),
            ({"company": b"Red"}, r"company: expected text, received b'Red'"),
            ({"company": np.array([1, 2])}, r"company: expected text, received array"),
            ({"company": "\ud800"}, r"company: expected text, received '\\ud800'"),
        ],
    )
    def test_name_the_column_and_the_value(self, scorer, columns, message):
        table = pd.DataFrame({name: [value] for name, value in columns.items()}, dtype=object)
        with pytest.raises(ScoringError, match=message):
            scorer.predict(table)

    @pytest.mark.parametrize("values", [[True, False], pd.to_datetime(["2024-01-01"] * 2)])
    def test_of_whole_columns_that_are_no_numbers(self, scorer, values):
        with pytest.raises(ScoringError, match="row 1 of 2: miles: expected a number"):
            scorer.predict(pd.DataFrame({"miles": values}))

    def test_of_a_column_that_is_there_twice(self, scorer):
        with pytest.raises(ScoringError, match="column 'miles' is there twice"):
            scorer.predict(pd.DataFrame([[1.0, 2.0]], columns=["miles", "miles"]))

    def test_do_not_repeat_a_long_value(self, scorer):
        with pytest.raises(ScoringError) as refusal:
            one(scorer, miles="x" * 10_000)
        assert len(str(refusal.value)) < 200


class TestProblems:
    def test_are_told_for_each_bad_row_and_the_others_can_be_predicted(self, scorer):
        table = pd.DataFrame(
            {"miles": ["far", 1.0, None, 1e300], "company": [8, "Blue", 3, "Red"]},
            index=[10, 10, 11, 12],
        )
        problems = scorer.problems(table)
        assert list(problems) == [0, 2, 3]
        assert problems[0] == "miles: expected a number, received 'far'"
        assert problems[2] == "company: expected text, received 3"
        assert problems[3].startswith("miles: expected a number within")
        good = table.drop(index=[11, 12]).iloc[1:]
        assert scorer.predict(good)["prediction"].item() == one(scorer, miles=1.0, company="Blue")

    def test_of_a_good_table_are_none(self, scorer, bundle):
        assert scorer.problems(golden_rows(bundle, scorer.columns)) == {}


def test_a_bundle_that_was_changed_is_refused(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "assets.extra" / "golden.tfrecord").write_bytes(b"")
    with pytest.raises(reload.ReloadError, match=r"golden\.tfrecord: changed"):
        Scorer(copy)
