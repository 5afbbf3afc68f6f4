"""Recognises dates that are written as text, all of a column in one format."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.date_formats import DATE_FORMATS, DateFormat

_HALF_DAY = 12 * 3600 * 10**6
"""In microseconds."""


def parse_dates(texts: pa.StringArray, form: DateFormat) -> pa.TimestampArray | None:
    """The points in time, or None where any text is no date in this format."""
    if not pc.all(pc.match_substring_regex(texts, form.exact_pattern)).as_py():
        return None
    iso = pc.replace_substring_regex(texts, f"^{form.day_pattern}", form.iso_day)
    iso = pc.replace_substring_regex(iso, r"(\.\d{6})\d+", r"\1")  # pandas has nanoseconds
    if form.has_half_days:
        iso = pc.utf8_slice_codeunits(iso, 0, -3)
    try:
        points = iso.cast(pa.timestamp("us", "UTC" if form.has_zone else None))
    except pa.ArrowInvalid:  # such as February 30
        return None
    return _from_half_days(points, texts) if form.has_half_days else points


def _from_half_days(points: pa.TimestampArray, texts: pa.StringArray) -> pa.TimestampArray:
    """Corrects hours that count to 12: 12 AM is midnight, and 12 PM is noon."""
    twelve, after_noon = pc.equal(pc.hour(points), 12), pc.ends_with(texts, "PM")
    halves = pc.subtract(after_noon.cast(pa.int64()), twelve.cast(pa.int64()))
    return pc.add(points, pc.multiply(halves, _HALF_DAY).cast(pa.duration("us")))


class DateFormatDetector:
    """The formats that fit all values so far, with the first and last date in each."""

    def __init__(self) -> None:
        self.formats = list(DATE_FORMATS)
        """Names of the formats that fit; two where day and month look alike."""
        self._ranges: dict[str, tuple[datetime, datetime]] = {}

    def add(self, texts: pa.StringArray) -> None:
        """Keeps the formats that fit these values too."""
        parsed = {name: parse_dates(texts, DATE_FORMATS[name]) for name in self.formats}
        self.formats = [name for name, points in parsed.items() if points is not None]
        for name in self.formats:
            new = pc.min_max(parsed[name]).as_py().values()
            ends = [*self._ranges.get(name, ()), *new]
            self._ranges[name] = min(ends), max(ends)

    def range(self, name: str) -> tuple[str, str]:
        """First and last date in a format, as ISO text; in UTC where they have zones."""
        with_time = DATE_FORMATS[name].has_time
        first, last = (
            point.isoformat(" ") if with_time else point.date().isoformat()
            for point in self._ranges[name]
        )
        return first, last
