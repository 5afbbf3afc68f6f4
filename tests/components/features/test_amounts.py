"""Amounts are the same numbers for Arrow, TensorFlow and Python."""

import math

import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from huberflow.components.contracts.amount_formats import (
    NUMBERS,
    AmountFormat,
    is_amount_format,
)
from huberflow.components.data import amounts as of_arrow
from huberflow.components.features import amounts

NUMBERS_OF = {
    "$1,234.56": {
        "$1,234.56": 1234.56, "-$5": -5, "$-5": -5, "$ (45.00)": -45, "($45)": -45, "(45)": -45,
        "45-": -45, "\u22125": -5, "+5": 5, "1,234": 1234, "7": 7, "1,23,456.7": 123456.7,
        "$.5": 0.5, " $ 5 ": 5,
    },
    "1.234,56 €": {"1.234,56\u00a0€": 1234.56, "0,7": 0.7, "-1.234,5 €": -1234.5, "€ 1.234": 1234},
    "1,234.56%": {"12.5%": 12.5, "-3 %": -3},
    "1 234.56": {"1 000": 1000, "1\u00a0000": 1000, "1\u202f000.5": 1000.5, "950": 950},
    "1'234.56": {"1'234.5": 1234.5, "1\u2019234": 1234},
    "CHF 1,234.56": {"CHF 5": 5, "5 CHF": 5},
}  # fmt: skip
OTHER_TEXTS = {
    "$1,234.56": ["€5", "0,7", "1,23", "5%", "", "NA", "1,234,5", "((5)", "$"],
    "1.234,56 €": ["12.5", "0.7", "$ 7", "1.23"],
    "1,234.56%": ["5", "12,5%"],
    "1 234.56": ["10 00", "1 00", "1 000,5"],
}


def read(text: str, name: str) -> set[float]:
    """The number that each of three readers makes of a text."""
    form = AmountFormat(name)
    arrow = of_arrow.parse_amounts(pa.array([text]), form)[0].as_py()
    graph = amounts.parse_amounts(tf.constant([text]), name).numpy()[0].item()
    python = form.number(text)
    assert math.isnan(graph) == (arrow is None) == (python is None)
    if python is None:
        return set()
    assert graph == tf.cast(tf.constant(python, tf.float64), tf.float32).numpy().item()
    return {arrow, python}


@pytest.mark.parametrize("name", NUMBERS_OF)
def test_an_amount_is_one_number_for_all_readers(name):
    assert is_amount_format(name)
    for text, number in NUMBERS_OF[name].items():
        assert read(text, name) == {number}, text


@pytest.mark.parametrize("name", OTHER_TEXTS)
def test_text_in_another_format_is_missing(name):
    for text in OTHER_TEXTS[name]:
        assert read(text, name) == set(), text


@pytest.mark.parametrize("name", NUMBERS)
@given(number=st.integers(-(10**11), 10**11))
@settings(max_examples=10, deadline=None)
def test_every_number_comes_back(name, number):
    group, decimal = AmountFormat(name).signs
    text = f"{number / 100:,.2f}".replace(",", "G").replace(".", decimal).replace("G", group)
    assert read(text, name) == {number / 100}


@pytest.mark.parametrize("name", ["1234.56", "x1,234.56", "$1,234.56 €", "1,234", ""])
def test_other_names_are_no_formats(name):
    assert not is_amount_format(name)
