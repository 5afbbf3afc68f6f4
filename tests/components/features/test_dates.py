"""Dates in TensorFlow against Python's own."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from huberflow.components.contracts.date_formats import DATE_FORMATS, EPOCHS
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
    "YYYY/MM/DD hh:mm": "%Y/%m/%d %H:%M",
    "YYYYMMDD": "%Y%m%d",
    "DD/MM/YY": "%d/%m/%y",
    "DD/MM/YY hh:mm": "%d/%m/%y %H:%M",
    "DD/MM/YY hh:mm AM": "%d/%m/%y %I:%M %p",
    "MM/DD/YY": "%m/%d/%y",
    "MM/DD/YY hh:mm": "%m/%d/%y %H:%M",
    "MM/DD/YY hh:mm AM": "%m/%d/%y %I:%M %p",
    "DD-MM-YYYY": "%d-%m-%Y",
    "DD-MM-YYYY hh:mm": "%d-%m-%Y %H:%M",
    "MM-DD-YYYY": "%m-%d-%Y",
    "MM-DD-YYYY hh:mm": "%m-%d-%Y %H:%M",
    "DD.MM.YYYY": "%d.%m.%Y",
    "DD.MM.YYYY hh:mm": "%d.%m.%Y %H:%M",
    "DD.MM.YY": "%d.%m.%y",
    "DD.MM.YY hh:mm": "%d.%m.%y %H:%M",
    "DD-Mon-YYYY": "%d-%b-%Y",
    "DD-Mon-YYYY hh:mm": "%d-%b-%Y %H:%M",
    "DD-Mon-YY": "%d-%b-%y",
    "DD Mon YYYY": "%d %B %Y",
    "DD Mon YYYY hh:mm": "%d %b %Y %H:%M",
    "DDMonYYYY": "%d%b%Y",
    "Mon DD, YYYY": "%B %d, %Y",
}
POINTS = st.datetimes(datetime(1600, 1, 1), datetime(2400, 12, 31))
RECENT = st.datetimes(datetime(1969, 1, 1), datetime(2068, 12, 31))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def written(point: datetime, name: str) -> str:
    return point.strftime(STRFTIME[name])


def test_every_format_is_tried():
    assert STRFTIME.keys() | EPOCHS.keys() == DATE_FORMATS.keys()


@pytest.mark.parametrize("name", STRFTIME)
@given(data=st.data(), zone=ZONES)
@settings(max_examples=5, deadline=None)
def test_dates_are_parsed_as_python_parses_them(name, data, zone):
    of_two_centuries = DATE_FORMATS[name].has_short_year or name == "YYYYMMDD"
    points = data.draw(st.lists(RECENT if of_two_centuries else POINTS, min_size=1, max_size=50))
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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2/9/2024", "MM/DD/YYYY"),
        ("9/2/24", "DD/MM/YY"),
        ("9.2.2024", "DD.MM.YYYY"),
        ("09-FEB-2024", "DD-Mon-YYYY"),
        ("9 February 2024", "DD Mon YYYY"),
        ("Feb 9, 2024", "Mon DD, YYYY"),
        ("9feb2024", "DDMonYYYY"),
        ("20240209", "YYYYMMDD"),
        ("1707436800", "seconds"),
        ("1707436800000", "milliseconds"),
        ("2/9/2024 6:30 pm", "MM/DD/YYYY hh:mm AM"),
    ],
)
def test_leading_zeros_words_and_counts(text, name):
    found = parse_dates(tf.constant([text]), name)
    assert (found.days.numpy().item() // 1, found.day_of_year.numpy().item()) == (19762, 39)
    assert DATE_FORMATS[name].day(text) == date(2024, 2, 9)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0000-00-00", "YYYY-MM-DD"),
        ("2024-02-30", "YYYY-MM-DD"),
        ("2023-02-29", "YYYY-MM-DD"),
        ("13/13/2024", "MM/DD/YYYY"),
        ("2024-02-03 25:00", "YYYY-MM-DD hh:mm"),
    ],
)
def test_a_day_of_no_calendar_is_missing(text, name):
    found = parse_dates(tf.constant([text, "2024-02-29", "02/29/2024"]), name)
    assert [math.isnan(day) for day in found.days.numpy()].count(False) == 1
    assert math.isnan(found.days.numpy()[0])


def test_a_second_may_have_nine_digits_as_in_pandas():
    found = parse_dates(tf.constant(["2024-02-29 06:30:00.123456789"]), "YYYY-MM-DD hh:mm")
    assert found.hours.numpy().item() == 6.5
