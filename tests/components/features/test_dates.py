"""Dates in TensorFlow against Python's own."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.components.features.dates import parse_dates

EPOCH = date(1970, 1, 1)
STRFTIME = {
    "YYYY-MM-DD": "%Y-%m-%d",
    "YYYY-MM-DD hh:mm": "%Y-%m-%d %H:%M",
    "YYYY-MM-DDThh:mm": "%Y-%m-%dT%H:%M:%S",
    "YYYY-MM-DD hh:mm+zone": "%Y-%m-%d %H:%M%z",
    "YYYY-MM-DDThh:mm+zone": "%Y-%m-%dT%H:%M:%S.%f%z",
    "YYYY/MM/DD": "%Y/%m/%d",
    "DD/MM/YYYY": "%d/%m/%Y",
    "DD/MM/YYYY hh:mm": "%d/%m/%Y %H:%M",
    "DD/MM/YYYY hh:mm AM": "%d/%m/%Y %I:%M %p",
    "MM/DD/YYYY": "%m/%d/%Y",
    "MM/DD/YYYY hh:mm": "%m/%d/%Y %H:%M:%S",
    "MM/DD/YYYY hh:mm AM": "%m/%d/%Y %I:%M:%S %p",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD.MM.YYYY hh:mm": "%d.%m.%Y %H:%M",
}
POINTS = st.datetimes(datetime(1600, 1, 1), datetime(2400, 12, 31))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def written(point: datetime, name: str) -> str:
    text = point.strftime(STRFTIME[name])
    return text.zfill(len(text) + 4 - text.find("-")) if text.find("-") in (1, 2, 3) else text


def test_every_format_is_tried():
    assert STRFTIME.keys() == DATE_FORMATS.keys()


@pytest.mark.parametrize("name", DATE_FORMATS)
@given(points=st.lists(POINTS, min_size=1, max_size=50), zone=ZONES)
@settings(max_examples=20, deadline=None)
def test_dates_are_parsed_as_python_parses_them(name, points, zone):
    points = [point.replace(tzinfo=zone) for point in points]
    found = parse_dates(tf.constant([written(point, name) for point in points]), name)
    zoned = "zone" in name
    expected = [point.astimezone(UTC) if zoned else point for point in points]
    minutes = [point.hour * 60 + point.minute if "hh" in name else 0 for point in expected]
    days = [(point.date() - EPOCH).days for point in expected]
    assert found.days.numpy() == pytest.approx(
        [day + minute / 1440 for day, minute in zip(days, minutes, strict=True)], rel=1e-6, abs=1e-4
    )
    assert found.weekday.numpy().tolist() == [point.weekday() for point in expected]
    assert found.day_of_year.numpy().tolist() == [
        point.timetuple().tm_yday - 1 for point in expected
    ]
    if "hh" in name:
        assert found.hours.numpy() == pytest.approx([minute / 60 for minute in minutes])
    else:
        assert found.hours is None


@pytest.mark.parametrize("text", ["", "soon", "2024-05-17 8", "17.05.2024", " 2024-05-17", "8"])
def test_what_is_no_date_is_missing(text):
    found = parse_dates(tf.constant([text, "2024-05-17"]), "YYYY-MM-DD")
    for values in found[:3]:
        first, second = values.numpy()
        assert math.isnan(first)
        assert not math.isnan(second)


def test_midnight_is_twelve_before_noon_and_noon_is_twelve_after_it():
    texts = [f"02/29/2024 {time}" for time in ("12:15 AM", "01:15 AM", "12:15:59 PM", "11:45 PM")]
    found = parse_dates(tf.constant(texts), "MM/DD/YYYY hh:mm AM")
    assert found.hours.numpy().tolist() == [0.25, 1.25, 12.25, 23.75]
    assert found.day_of_year.numpy().tolist() == [59] * 4


def test_a_zone_may_be_z():
    texts = ["2024-02-29T23:30:00Z", "2024-02-29T23:30:00-0100", "2024-02-29T23:30+01:00"]
    found = parse_dates(tf.constant(texts), "YYYY-MM-DDThh:mm+zone")
    assert found.day_of_year.numpy().tolist() == [59, 60, 59]
    assert found.hours.numpy().tolist() == [23.5, 0.5, 22.5]


@pytest.mark.parametrize("name", [name for name in DATE_FORMATS if name.endswith(("mm", "AM"))])
def test_a_day_alone_is_its_midnight_where_others_have_a_time(name):
    text = date(2024, 2, 29).strftime(STRFTIME[name][:8])
    found = parse_dates(tf.constant([text]), name)
    assert (found.day_of_year.numpy().item(), found.hours.numpy().item()) == (59.0, 0.0)
    assert DATE_FORMATS[name].day(text) == date(2024, 2, 29)


def test_a_second_may_have_nine_digits_as_in_pandas():
    found = parse_dates(tf.constant(["2024-02-29 06:30:00.123456789"]), "YYYY-MM-DD hh:mm")
    assert found.hours.numpy().item() == 6.5
