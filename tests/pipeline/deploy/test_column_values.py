"""A value is the model's as it stands, or refused in words."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import batch, scorer
from huberflow.pipeline.deploy.column_values import converted
from huberflow.pipeline.deploy.request_columns import RequestColumn


def read(values, dtype, required=False):
    return converted(pd.Series(values, dtype=object), RequestColumn(dtype, required))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([2**53 + 1, -(2**62) - 1], tf.int64),
        ([2**64 - 1, 0], tf.uint64),
        ([0, 255], tf.uint8),
        ([1e300, -1.5], tf.float64),
        ([65504.0], tf.float16),
        ([2**60, 2**53], tf.float32),
    ],
)
def test_a_value_in_the_range_of_the_dtype_stays(values, dtype):
    found, mistakes = read(values, dtype)
    assert (found.tolist(), mistakes) == (values, {})


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (3_000_000_000, tf.int32),
        (-1, tf.uint8),
        (300, tf.uint8),
        (2**63, tf.int64),
        (1.5, tf.int32),
        (float(2**53), tf.int64),
        (float("inf"), tf.int64),
        (70_000.0, tf.float16),
        (1e39, tf.float32),
        (10**400, tf.float64),
        (2**53 + 1, tf.float64),
    ],
)
def test_a_value_that_would_be_another_is_a_mistake(value, dtype):
    _, mistakes = read([1, value], dtype)
    assert list(mistakes) == [1]


def test_whole_numbers_may_be_missing_unless_required():
    values = [2**53 + 1, None, np.nan, pd.NA]
    found, mistakes = converted(pd.Series(values, dtype=object), RequestColumn(tf.int64, False))
    assert (found.tolist(), mistakes) == ([2**53 + 1, None, None, None], {})
    _, mistakes = read([None], tf.int64, required=True)
    assert mistakes[0][1] == "none"


@pytest.mark.parametrize("dtype", [tf.int64, tf.float32])
def test_marks_are_missing_numbers(dtype):
    values, mistakes = read([1, "NA", " null", "?", "none of these"], dtype)
    assert pd.isna(values[1:]).all()
    assert [*mistakes] == [4]


@pytest.mark.parametrize("true", [True, np.True_])
def test_booleans_are_the_texts_that_training_made_of_them(true):
    found, mistakes = read([true, False, None, "True"], tf.string)
    assert (found.tolist(), mistakes) == ([b"true", b"false", b"", b"True"], {})
    _, mistakes = read([true], tf.int64)
    assert [*mistakes] == [0]


def test_a_column_of_whole_numbers_that_floats_cannot_be_is_a_mistake():
    given = pd.Series([1, 2**53 + 1], dtype="int64")
    _, mistakes = converted(given, RequestColumn(tf.float32, False))
    assert mistakes == {1: ("a whole number that a float can be", "9007199254740993")}


@pytest.mark.parametrize("column", [["9007199254740993", ""], [2**53 + 1, None]])
def test_whole_numbers_of_a_file_are_exact_beside_missing_ones(column):
    found = batch._values(pa.chunked_array([column]), "integer")
    assert list(found) == [2**53 + 1, None]


class TestOutputs:
    @pytest.mark.parametrize(
        "shapes", [{"y": []}, {"y": [None, None]}, {"y": [None, 2], "y_0": [None]}]
    )
    def test_that_are_no_columns_are_refused(self, shapes):
        tensors = {name: {"dtype": "float32", "shape": shape} for name, shape in shapes.items()}
        with pytest.raises(InputError):
            scorer._outputs(tensors)

    def test_of_another_number_of_rows_are_refused(self):
        with pytest.raises(InputError, match="for 3 rows"):
            dict(scorer._columns({"y": np.zeros(2)}, 3))

    def test_of_bytes_that_are_no_text_are_refused(self):
        with pytest.raises(InputError, match="UTF-8"):
            scorer.texts("y", np.array([b"a", b"\xff"], object))
