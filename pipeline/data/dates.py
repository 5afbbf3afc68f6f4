"""Recognises dates, almost all of a column in one format."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.date_formats import (
    DATE_FORMATS,
    EPOCHS,
    FIRST_OF_1900S,
    MONTHS,
    DateFormat,
)
from huberflow.pipeline.data.format_fit import FormatFit

WRITTEN = tuple(name for name in DATE_FORMATS if not DATE_FORMATS[name].is_number)
"""Formats by which a text is known as a date."""

NUMBERS = ("YYYYMMDD",)
"""Those by which a whole number is; a count of seconds may be any number."""


def parse_dates(texts: pa.StringArray, form: DateFormat) -> pa.TimestampArray:
    """The points in time, in UTC where the format has a zone; null where a text is no date."""
    fits = pc.match_substring_regex(texts, form.exact_pattern).fill_null(False)
    is_date = fits.to_numpy(zero_copy_only=False).astype(bool)
    parts = pc.extract_regex(texts.filter(fits), form.exact_pattern)
    points, valid = _points({name: parts.field(place) for name, place in _places(parts)}, form)
    is_date[is_date] = valid
    at = np.zeros(len(texts), "datetime64[us]")
    at[is_date] = points[valid]
    return pa.array(at, pa.timestamp("us", "UTC" if form.has_zone else None), mask=~is_date)


def _are_dates(texts: pa.StringArray, form: DateFormat) -> np.ndarray:
    return parse_dates(texts, form).is_valid().to_numpy(zero_copy_only=False)


def _places(parts: pa.StructArray) -> list[tuple[str, int]]:
    return [(field.name, place) for place, field in enumerate(parts.type)]


def _points(text: Mapping[str, pa.StringArray], form: DateFormat) -> tuple[np.ndarray, np.ndarray]:
    """The points in time, and which of them are in the calendar."""

    def part(name: str) -> np.ndarray:
        if name not in text:
            return np.zeros(1, np.int64)
        digits = pc.if_else(pc.equal(text[name], ""), "0", text[name])
        return digits.cast(pa.int64()).to_numpy()

    if form.is_epoch:
        micros = part("count") * (10**6 // EPOCHS[form.name])
        return micros.astype("datetime64[us]"), np.ones(len(micros), bool)
    year, month, day, hours = part("year"), _month(text["month"], form), part("day"), part("hours")
    if form.has_short_year:
        year = year + np.where(year >= FIRST_OF_1900S, 1900, 2000)
    if form.has_half_days:
        after_noon = pc.is_in(text["half"], pa.array(["P", "p"])).to_numpy(zero_copy_only=False)
        hours = hours % 12 + 12 * after_noon
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= length) & (hours < 24)
    minutes = 60 * hours + part("minutes")
    if form.has_zone:
        west = pc.equal(text["sign"], "-").to_numpy(zero_copy_only=False)
        zone = 60 * part("zone_hours") + part("zone_minutes")
        minutes = minutes + np.where(west, zone, -zone)
    micros = (60 * minutes + part("seconds")) * 10**6
    if "fraction" in text:
        six = pc.utf8_slice_codeunits(pc.utf8_rpad(text["fraction"], 6, "0"), 0, 6)
        micros = micros + six.cast(pa.int64()).to_numpy()
    days = months.astype("datetime64[D]") + (day - 1)
    return days.astype("datetime64[us]") + micros.astype("timedelta64[us]"), valid


def _month(text: pa.StringArray, form: DateFormat) -> np.ndarray:
    if not form.has_month_names:
        return text.cast(pa.int64()).to_numpy()
    begins = pc.utf8_slice_codeunits(pc.ascii_lower(text), 0, 3)
    return pc.index_in(begins, pa.array(MONTHS)).to_numpy() + 1


class DateFormatDetector:
    """The formats that fit almost all values, with the first and last date in each.

    Args:
      names: the formats to try.
    """

    def __init__(self, names: Iterable[str] = WRITTEN) -> None:
        self._fit = FormatFit(names)
        self._ranges: dict[str, tuple[datetime, datetime]] = {}

    def add(self, texts: pa.StringArray, counts: np.ndarray) -> None:
        """Adds distinct texts, each with its number of rows."""
        self._fit.count(counts)
        for name in [*self._fit.bad]:
            form = DATE_FORMATS[name]
            fits = self._fit.add_if_close(name, texts, counts, partial(_are_dates, form=form))
            if fits is not None and fits.any():
                points = parse_dates(texts.filter(pa.array(fits)), form)
                ends = [*self._ranges.get(name, ()), *pc.min_max(points).as_py().values()]
                self._ranges[name] = min(ends), max(ends)

    @property
    def formats(self) -> list[str]:
        """Names of the formats that fit best; two where day and month look alike."""
        return [name for name in self._fit.best() if name in self._ranges]

    def bad(self, name: str) -> Mapping[str, int]:
        """The number of rows of each text that is no date in a format."""
        return self._fit.bad[name]

    def range(self, name: str) -> tuple[str, str]:
        """First and last date in a format, as ISO text; in UTC where they have zones."""
        with_time = DATE_FORMATS[name].has_time
        first, last = (
            point.isoformat(" ") if with_time else point.date().isoformat()
            for point in self._ranges[name]
        )
        return first, last
