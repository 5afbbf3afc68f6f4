"""Dates written as text, parsed in TensorFlow: the same in training and in serving."""

from typing import NamedTuple

import tensorflow as tf

from huberflow.components.contracts.date_formats import DATE_FORMATS


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

    Args:
      text: string ``[batch]``.
      format_name: one of ``DATE_FORMATS``.
    """
    written = DATE_FORMATS[format_name]
    is_date = tf.strings.regex_full_match(text, written.pattern)

    def group(number: int) -> tf.Tensor:
        # A group that is missing from the text is empty: 0.
        digits = tf.strings.regex_replace(text, f"^{written.pattern}$", rf"0\{number}")
        return tf.strings.to_number(tf.where(is_date, digits, "0"), tf.int64)

    year, month, day = map(group, written.year_month_day)
    date, minutes = _days(year, month, day), tf.zeros_like(year)
    if written.has_time:
        hours = group(4)
        if written.has_half_days:
            after_noon = tf.strings.regex_full_match(text, ".*PM")
            hours = hours % 12 + tf.where(after_noon, tf.constant(12, tf.int64), 0)
        minutes = 60 * hours + group(5)
    if written.has_zone:
        west = tf.strings.regex_full_match(text, r".*-\d{2}:?\d{2}")
        offset = 60 * group(8) + group(9)
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
