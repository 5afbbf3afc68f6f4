"""Which tables of raw columns can be predicted, and how others are refused."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_bundles import rewritten

from huberflow.components.bundle import reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.batch import predict_file
from huberflow.pipeline.deploy.scorer import Scorer


def one(scorer, **columns):
    """The prediction for a row."""
    found = scorer.predict(pd.DataFrame({name: [v] for name, v in columns.items()}, dtype=object))
    return found["prediction"].item()


class TestPredictions:
    def test_are_those_of_the_signature_bit_for_bit(self, scorer, bundle):
        rows = scorer.golden_rows()
        columns = {"miles": rows["miles"].astype(float), "company": rows["company"].to_list()}
        expected = reload.predictor(bundle, "columns")(**columns)["prediction"]
        np.testing.assert_array_equal(scorer.predict(rows)["prediction"], expected)
        assert expected.dtype == np.float32

    def test_of_golden_rows_are_those_of_the_trained_model(self, scorer, bundle):
        expected = reload.golden(bundle).values["answers/columns/prediction"]
        found = scorer.predict(scorer.golden_rows())
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


class TestMissingTexts:
    """Those of ``data.missing`` in the training: missing numbers, and texts in columns of text."""

    @pytest.fixture
    def trained_with_unknown(self, bundle, tmp_path):
        copy = tmp_path / "bundle"
        shutil.copytree(bundle, copy)
        return Scorer(rewritten(copy, training={"missing": ["unknown"]}))

    def test_are_missing_numbers(self, trained_with_unknown, scorer):
        found = one(trained_with_unknown, miles="unknown", company="Red")
        assert found == one(scorer, company="Red")

    def test_are_a_mistake_for_other_models(self, scorer):
        with pytest.raises(InputError):
            one(scorer, miles="unknown")

    def test_are_empty_in_a_file_of_numbers(self, trained_with_unknown, tmp_path):
        (tmp_path / "a.csv").write_text("miles,company\nunknown,Red\n1.5,unknown\n")
        files = (tmp_path / name for name in ("a.csv", "out.parquet", "bad.csv"))
        assert predict_file(trained_with_unknown, *files).rows == 2
        found = pq.read_table(tmp_path / "out.parquet")
        assert found["miles"].to_pylist() == [None, 1.5]
        assert found["company"].to_pylist() == ["Red", "unknown"]


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
        ("columns", "key", "received"),
        [
            ({"mile": 1.0}, "columns", "'mile'"),
            ({3: 1.0}, "columns", "3"),
            ({"miles": "1.5"}, "row 1 of 1: miles", "'1.5'"),
            ({"miles": True}, "row 1 of 1: miles", "True"),
            ({"miles": [1.0]}, "row 1 of 1: miles", "[1.0]"),
            ({"miles": pd.Timestamp(2024, 1, 1)}, "row 1 of 1: miles", "Timestamp"),
            ({"miles": float("inf")}, "row 1 of 1: miles", "inf"),
            ({"miles": -1e39}, "row 1 of 1: miles", "-1e+39"),
            ({"miles": 10**400}, "row 1 of 1: miles", "inf"),
            ({"company": 8}, "row 1 of 1: company", "8"),
            ({"company": b"Red"}, "row 1 of 1: company", "b'Red'"),
            ({"company": np.array([1, 2])}, "row 1 of 1: company", "array"),
            ({"company": "\ud800"}, "row 1 of 1: company", r"'\ud800'"),
            ({"miles": "x" * 10_000}, "row 1 of 1: miles", "'xxx"),
        ],
    )
    def test_name_the_column_and_the_value(self, scorer, columns, key, received):
        table = pd.DataFrame({name: [value] for name, value in columns.items()}, dtype=object)
        with pytest.raises(InputError) as refused:
            scorer.predict(table)
        assert refused.value.key == key
        assert refused.value.received.startswith(received)
        assert len(str(refused.value)) < 200

    @pytest.mark.parametrize(
        ("name", "remedy"), [("mile", "did you mean 'miles'?"), ("colour", None)]
    )
    def test_of_an_unknown_column_name_those_that_there_are(self, scorer, name, remedy):
        with pytest.raises(InputError) as refused:
            one(scorer, **{name: 1.0})
        assert refused.value.expected == "any of company, miles"
        assert refused.value.hint == remedy

    @pytest.mark.parametrize("values", [[True, False], pd.to_datetime(["2024-01-01"] * 2)])
    def test_of_whole_columns_that_are_no_numbers(self, scorer, values):
        with pytest.raises(InputError) as refused:
            scorer.predict(pd.DataFrame({"miles": values}))
        assert refused.value.key == "row 1 of 2: miles"

    def test_of_a_column_that_is_there_twice(self, scorer):
        with pytest.raises(InputError) as refused:
            scorer.predict(pd.DataFrame([[1.0, 2.0]], columns=["miles", "miles"]))
        assert "'miles' twice" in refused.value.received


class TestBadRows:
    def test_are_named_and_the_others_can_be_predicted(self, scorer):
        table = pd.DataFrame(
            {"miles": ["far", 1.0, None, 1e300], "company": [8, "Blue", 3, "Red"]},
            index=[10, 10, 11, 12],
        )
        errors = scorer.bad_rows(table)
        assert [(row, error.key, error.received) for row, error in errors.items()] == [
            (0, "miles", "'far'"),
            (2, "company", "3"),
            (3, "miles", "1e+300"),
        ]
        good = table.drop(index=[11, 12]).iloc[1:]
        assert scorer.predict(good)["prediction"].item() == one(scorer, miles=1.0, company="Blue")

    def test_of_a_good_table_are_none(self, scorer, bundle):
        assert scorer.bad_rows(scorer.golden_rows()) == {}


def test_a_bundle_that_was_changed_is_refused(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (copy / "assets.extra" / "golden.npz").write_bytes(b"")
    with pytest.raises(reload.ReloadError, match=r"golden\.npz: changed"):
        Scorer(copy)
