"""The CSV that MLflow's clients send is read as it stands, or refused in words."""

import numpy as np
import pandas as pd
import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.request_csv import parse_csv

KINDS = {"company": "text", "miles": "number", "trips": "integer"}


def read(text, most_rows=10):
    return parse_csv(text.encode(), KINDS, most_rows)


def test_values_are_those_of_the_models_kinds():
    found = read('trips,company,miles\n1,007,1\n,,\n2,"a, b\nc",-1.5e3\n')
    assert found["trips"].tolist() == [1, None, 2]
    assert found["company"].tolist() == ["007", None, "a, b\nc"]
    assert found["miles"].tolist() == [1, None, -1500.0]


def test_marks_are_missing_numbers_and_words_in_text():
    found = read("trips,company,miles\nNA,NA,?\n-,null, NaN \n")
    assert found["trips"].tolist() == found["miles"].tolist() == [None, None]
    assert found["company"].tolist() == ["NA", "null"]


def test_a_table_of_pandas_comes_back():
    table = pd.DataFrame({"company": ["ä", "b"], "miles": [0.1, np.pi]})
    pd.testing.assert_frame_equal(
        read("\ufeff" + table.to_csv(index=False)), table, check_dtype=False
    )


def test_text_in_a_number_stays_for_the_model_to_name():
    assert read("miles\nfar\n")["miles"].tolist() == ["far"]


@pytest.mark.parametrize(
    ("text", "key", "part"),
    [
        ("", "line 1", "received none"),
        (pd.DataFrame({"miles": [1]}).to_csv(), "line 1", "to_csv(index=False)"),
        ("mile\n1\n", "columns", "did you mean 'miles'?"),
        ("miles,miles\n1,2\n", "columns", "'miles' twice"),
        ("miles,trips\n1\n", "row 1", "received 1"),
        ('miles\n"1', "body", "expected CSV"),
        ("miles\n" + "1\n" * 11, "body", "at most 10 rows in a request"),
    ],
)
def test_others_are_refused_in_words(text, key, part):
    with pytest.raises(InputError) as refused:
        read(text)
    assert refused.value.key == key
    assert part in str(refused.value)
