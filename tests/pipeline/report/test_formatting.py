"""Numbers, shares and durations as text."""

import math

import pytest

from huberflow.pipeline.report import formatting


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.123456, "0.1235"),
        (1234.5, "1234"),
        (31234.5, "31,234"),
        (1e20, "1e+20"),
        (math.nan, "-"),
    ],
)
def test_number(value, text):
    assert formatting.format_number(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 3, "33.3%"), (0, 3, "0.0%"), (1, 90_000, "<0.1%"), (0, 0, "-")],
)
def test_share(part, whole, text):
    assert formatting.format_share(part, whole) == text


@pytest.mark.parametrize(
    ("value", "before", "text"), [(2.2, 2.0, "+10.0%"), (1.0, 0.0, ""), (1.0, None, "")]
)
def test_change(value, before, text):
    assert formatting.format_change(value, before) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (8.21, "8.2 s"), (59.99, "60.0 s"), (200, "3 min 20 s")]
)
def test_duration(seconds, text):
    assert formatting.format_duration(seconds) == text
