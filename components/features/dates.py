"""Dates written as text, parsed in TensorFlow: the same in training and in serving."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from huberflow.components.contracts.date_formats import (
    DATE_FORMATS,
    EPOCHS,
    FIRST_OF_1900S,
    MONTHS,
    DateFormat,
)

_Parts = Callable[[str], tf.Tensor]
"""The group of a text that has a name, 0 where it is empty; int64 ``[batch]``."""


class ParsedDates(NamedTuple):
    """The parts of dates, each float32 ``[batch]``, NaN where there is no date."""

    days: tf.Tensor
    """Days since 1970-01-01, in UTC where the date has a zone; a fraction where it has a time."""
    weekday: tf.Tensor
    """0 on Mondays."""
    day_of_year: tf.Tensor
    """0 on January 1."""
    hours: tf.Tensor | None
    """Hours since midnight; None where the format has no time."""


def parse_dates(text: tf.Tensor, format_name: str) -> ParsedDates:
    """The parts of dates; text in another format counts as missing, for serving gets any text.

    So does a day that no calendar has, such as February 30.

    Args:
      text: string ``[batch]``.
      format_name: one of ``DATE_FORMATS``.
    """
    written = DATE_FORMATS[format_name]
    fits = tf.strings.regex_full_match(text, written.pattern)

    def group(name: str) -> tf.Tensor:
        return tf.strings.regex_replace(text, f"^(?:{written.pattern_of(name)})$", r"\1")

    def part(name: str) -> tf.Tensor:
        # A group that is missing from the text is empty: 0.
        digits = tf.where(fits, group(name), "0")
        digits = tf.where(digits == "", "0", digits)
        return tf.strings.to_number(digits, tf.int64)

    if written.is_epoch:
        minutes = part("count") // (60 * EPOCHS[format_name])
        date, is_date = tf.zeros_like(minutes), fits
    else:
        year, month, day = _year(written, part), _month(written, part, group), part("day")
        date = _days(year, month, day)
        is_date = fits & _is_in_calendar(year, month, day)
        minutes = _minutes(written, part, text)
        is_date &= minutes < 1440
        if written.has_zone:
            west = tf.strings.regex_full_match(text, r".*-\d{2}:?\d{2}")
            offset = 60 * part("zone_hours") + part("zone_minutes")
            minutes += tf.where(west, offset, -offset)
    date, minutes = date + minutes // 1440, minutes % 1440

    def where_date(value: tf.Tensor) -> tf.Tensor:
        return tf.where(is_date, tf.cast(value, tf.float32), float("nan"))

    year_began = _days(_year_of(date), tf.ones_like(date), tf.ones_like(date))
    return ParsedDates(
        # float32 has room for the days of this century to some three minutes.
        days=where_date(tf.cast(date, tf.float64) + tf.cast(minutes, tf.float64) / 1440),
        weekday=where_date((date + 3) % 7),  # 1970 began on a Thursday
        day_of_year=where_date(date - year_began),
        hours=where_date(tf.cast(minutes, tf.float32) / 60) if written.has_time else None,
    )


def _year(written: DateFormat, part: _Parts) -> tf.Tensor:
    year = part("year")
    if not written.has_short_year:
        return year
    century = tf.where(year >= FIRST_OF_1900S, tf.constant(1900, tf.int64), 2000)
    return year + century


def _month(written: DateFormat, part: _Parts, group: _Parts) -> tf.Tensor:
    if not written.has_month_names:
        return part("month")
    begins = tf.strings.substr(tf.strings.lower(group("month")), 0, 3, unit="UTF8_CHAR")
    is_month = begins[:, tf.newaxis] == tf.constant(MONTHS)
    return tf.argmax(tf.cast(is_month, tf.int32), axis=1) + 1


def _minutes(written: DateFormat, part: _Parts, text: tf.Tensor) -> tf.Tensor:
    """Minutes since midnight."""
    if not written.has_time:
        return tf.zeros_like(part("day"))
    hours = part("hours")
    if written.has_half_days:
        after_noon = tf.strings.regex_full_match(text, ".*[Pp][Mm]")
        hours = hours % 12 + tf.where(after_noon, tf.constant(12, tf.int64), 0)
    return 60 * hours + part("minutes")


def _is_in_calendar(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    first = tf.ones_like(day)
    length = _days(year + month // 12, month % 12 + 1, first) - _days(year, month, first)
    return (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)


# Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil and
# civil_from_days: years begin in March, so that the leap day is their last.


def _days(year: tf.Tensor, month: tf.Tensor, day: tf.Tensor) -> tf.Tensor:
    """Days since 1970-01-01 of a date in the Gregorian calendar."""
    year = year - tf.cast(month <= 2, tf.int64)
    era, year_of_era = year // 400, year % 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = 365 * year_of_era + year_of_era // 4 - year_of_era // 100 + day_of_year
    return 146097 * era + day_of_era - 719468


def _year_of(days: tf.Tensor) -> tf.Tensor:
    days = days + 719468
    era, day_of_era = days // 146097, days % 146097
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    # From March on, ten months of the year; then January and February of the next.
    return 400 * era + year_of_era + tf.cast(day_of_year >= 306, tf.int64)
