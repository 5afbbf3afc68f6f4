"""Recognises dates that are written as text, all of a column in one format."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

_DATE = r"\d{4}-\d{2}-\d{2}"
_TIME = r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?"
_ZONE = r"(Z|[+-]\d{2}:?\d{2})"
_SLASHED = r"(\d{2})/(\d{2})/(\d{4})"
_DOTTED = r"(\d{2})\.(\d{2})\.(\d{4})"
_HALF_DAY = r"((0[1-9]|1[0-2]):\d{2}(:\d{2})?) [AP]M"
_HALF = 12 * 3600 * 10**6
"""Of a day, in microseconds."""


@dataclass(frozen=True)
class _Format:
    written: str
    """Regular expression that all values match."""
    iso: str | None = None
    """Replacement that makes it an ISO date, where it is none."""
    zone: str | None = None
    halves: bool = False
    """Whether hours go to 12, twice a day."""

    def read(self, texts: pa.StringArray) -> pa.TimestampArray | None:
        """The points in time, or None where any is not one in this format."""
        if not pc.all(pc.match_substring_regex(texts, self.written)).as_py():
            return None
        iso = pc.replace_substring_regex(texts, self.written, self.iso) if self.iso else texts
        try:
            points = iso.cast(pa.timestamp("us", self.zone))
        except pa.ArrowInvalid:  # such as February 30
            return None
        return _by_halves_of_days(points, texts) if self.halves else points


def _by_halves_of_days(points: pa.TimestampArray, texts: pa.StringArray) -> pa.TimestampArray:
    """Of clocks that go to 12: 12 AM is midnight, and 12 PM is noon."""
    twelve, after_noon = pc.equal(pc.hour(points), 12), pc.ends_with(texts, "PM")
    halves = pc.subtract(after_noon.cast(pa.int64()), twelve.cast(pa.int64()))
    return pc.add(points, pc.multiply(halves, _HALF).cast(pa.duration("us")))


FORMATS: Mapping[str, _Format] = {
    "YYYY-MM-DD": _Format(rf"^{_DATE}$"),
    "YYYY-MM-DD hh:mm": _Format(rf"^{_DATE} {_TIME}$"),
    "YYYY-MM-DDThh:mm": _Format(rf"^{_DATE}T{_TIME}$"),
    "YYYY-MM-DD hh:mm+zone": _Format(rf"^{_DATE} {_TIME}{_ZONE}$", zone="UTC"),
    "YYYY-MM-DDThh:mm+zone": _Format(rf"^{_DATE}T{_TIME}{_ZONE}$", zone="UTC"),
    "YYYY/MM/DD": _Format(r"^(\d{4})/(\d{2})/(\d{2})$", r"\1-\2-\3"),
    "DD/MM/YYYY": _Format(rf"^{_SLASHED}$", r"\3-\2-\1"),
    "DD/MM/YYYY hh:mm": _Format(rf"^{_SLASHED} ({_TIME})$", r"\3-\2-\1 \4"),
    "DD/MM/YYYY hh:mm AM": _Format(rf"^{_SLASHED} {_HALF_DAY}$", r"\3-\2-\1 \4", halves=True),
    "MM/DD/YYYY": _Format(rf"^{_SLASHED}$", r"\3-\1-\2"),
    "MM/DD/YYYY hh:mm": _Format(rf"^{_SLASHED} ({_TIME})$", r"\3-\1-\2 \4"),
    "MM/DD/YYYY hh:mm AM": _Format(rf"^{_SLASHED} {_HALF_DAY}$", r"\3-\1-\2 \4", halves=True),
    "DD.MM.YYYY": _Format(rf"^{_DOTTED}$", r"\3-\2-\1"),
    "DD.MM.YYYY hh:mm": _Format(rf"^{_DOTTED} ({_TIME})$", r"\3-\2-\1 \4"),
}
"""By name. Seconds and their fractions may follow the minutes, in any value or none; a zone is
``Z``, ``+02:00`` or ``+0200``; after hours that go to 12 stands ``AM`` or ``PM``."""


class Dates:
    """The formats that fit all values so far."""

    def __init__(self) -> None:
        self.formats = list(FORMATS)
        """Those that are left; two where day and month cannot be told apart."""
        self._extremes: dict[str, list[datetime]] = {name: [] for name in FORMATS}

    def add(self, texts: pa.StringArray) -> None:
        """Leaves the formats that fit these too."""
        read = {name: FORMATS[name].read(texts) for name in self.formats}
        self.formats = [name for name, points in read.items() if points is not None]
        for name in self.formats:
            new = pc.min_max(read[name]).as_py().values()
            known = [*self._extremes[name], *new]
            self._extremes[name] = [min(known), max(known)]

    def range(self, name: str) -> tuple[str, str]:
        """First and last date in a format, as ISO text; in UTC where they have zones."""
        first, last = self._extremes[name]
        return _iso(first, name), _iso(last, name)


def _iso(point: datetime, name: str) -> str:
    return point.isoformat(" ") if "hh" in name else point.date().isoformat()
