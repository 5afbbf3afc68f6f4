"""The formats in which a column may hold dates.

One table serves profiling (Arrow), splits by date (Python) and Transform (TensorFlow).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cached_property

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
"""How the names of months begin, in lower case."""

FIRST_OF_1900S = 69
"""Years of two digits from here on are in the 20th century, as in POSIX and in pandas."""

EPOCHS = {"seconds": 1, "milliseconds": 1000}
"""Formats of numbers that count since 1970-01-01 in UTC, and how many of them are a second."""

_MONTH_NAMES = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_HOURS_OF_HALF_DAY = "0?[1-9]|1[0-2]"
_ZONE = r"(?:Z|(?P<sign>[+-])(?P<zone_hours>\d{2}):?(?P<zone_minutes>\d{2}))"


@dataclass(frozen=True)
class DateFormat:
    """How a date is written; its name, such as ``DD/MM/YYYY hh:mm AM``, decides all else.

    A day, a month and an hour may be without their leading zero. ``Mon`` is a month's English name,
    in full or its first three letters. Seconds and their fraction may follow the minutes. A zone
    is ``Z``, ``+02:00`` or ``+0200``. A day alone is its midnight, where the format has a time and
    no zone: pandas writes so.
    """

    name: str

    @property
    def is_epoch(self) -> bool:
        """Whether a number counts since 1970."""
        return self.name in EPOCHS

    @property
    def day_name(self) -> str:
        """The part of the name that a day alone is written by."""
        return re.split("[ T]hh", self.name)[0]

    @property
    def has_time(self) -> bool:
        """Whether hours and minutes follow the day."""
        return "hh" in self.name or self.is_epoch

    @property
    def has_half_days(self) -> bool:
        """Whether hours count to 12, followed by ``AM`` or ``PM``."""
        return self.name.endswith(" AM")

    @property
    def has_zone(self) -> bool:
        """Whether a time zone follows the time."""
        return self.name.endswith("+zone")

    @property
    def has_short_year(self) -> bool:
        """Whether a year has two digits."""
        return "YY" in self.name and "YYYY" not in self.name

    @property
    def has_month_names(self) -> bool:
        """Whether the month is a word."""
        return "Mon" in self.name

    @property
    def is_number(self) -> bool:
        """Whether a whole number may be such a date."""
        return self.is_epoch or self.name == "YYYYMMDD"

    @property
    def is_day_first(self) -> bool:
        """Whether the day stands before the month."""
        return self.name.startswith("DD")

    @cached_property
    def pattern(self) -> str:
        """Regular expression of a whole text to parse.

        Its groups are ``count`` for an epoch; else ``year``, ``month``, ``day``, and as far as the
        format has them ``hours``, ``minutes``, ``seconds``, ``fraction``, ``half``, ``sign``,
        ``zone_hours`` and ``zone_minutes``.
        """
        return self._pattern("[ T]", "" if self.has_zone else "?")

    @cached_property
    def exact_pattern(self) -> str:
        """The same to recognise a format by: no text matches it in two ways of writing a time."""
        day_and_time = re.search("[ T](?=hh)", self.name)
        return f"^(?:{self._pattern(day_and_time[0] if day_and_time else '', '')})$"

    def pattern_of(self, group: str) -> str:
        """The same with one group alone: TensorFlow can name no group beyond the ninth."""
        return re.sub(rf"\(\?P<(?!{group}>)\w+>", "(?:", self.pattern)

    def _pattern(self, separator: str, times: str) -> str:
        if self.is_epoch:
            return r"(?P<count>-?\d{1,14})(?:\.\d*)?"
        if "hh" not in self.name:
            return self._day_pattern
        hours = _HOURS_OF_HALF_DAY if self.has_half_days else r"\d{1,2}"
        time = rf"{separator}(?P<hours>{hours}):(?P<minutes>[0-5]\d)"
        time += r"(?::(?P<seconds>[0-5]\d)(?:\.(?P<fraction>\d{1,9}))?)?"
        half = " (?P<half>[AaPp])[Mm]" if self.has_half_days else ""
        return f"{self._day_pattern}(?:{time}{half}{_ZONE if self.has_zone else ''}){times}"

    @cached_property
    def _day_pattern(self) -> str:
        one_or_two = r"\d{2}" if self.name == "YYYYMMDD" else r"\d{1,2}"
        # Other whole numbers than days of these centuries are no dates.
        year = r"(?:19|20)\d{2}" if self.name == "YYYYMMDD" else r"\d{4}"
        parts = {
            "YYYY": f"(?P<year>{year})",
            "YY": r"(?P<year>\d{2})",
            "MM": f"(?P<month>{one_or_two})",
            "Mon": f"(?P<month>{_MONTH_NAMES})",
            "DD": f"(?P<day>{one_or_two})",
            ".": r"\.",
            ",": ",?",
        }
        return re.sub("YYYY|YY|MM|Mon|DD|[.,]", lambda part: parts[part[0]], self.day_name)

    def day(self, text: str) -> date | None:
        """The day of a date in this format, in UTC where it has a zone; None for any other text."""
        found = re.fullmatch(self.pattern, text)
        if found is None:
            return None
        part = {name: value or "0" for name, value in found.groupdict().items()}
        if self.is_epoch:
            since = timedelta(seconds=int(part["count"]) // EPOCHS[self.name])
            return (datetime(1970, 1, 1, tzinfo=UTC) + since).date()
        try:
            day = date(self._year(part["year"]), self._month(part["month"]), int(part["day"]))
            if not self.has_zone:
                return day
            zone = timedelta(hours=int(part["zone_hours"]), minutes=int(part["zone_minutes"]))
            at = (day.year, day.month, day.day, int(part["hours"]), int(part["minutes"]))
            west = part["sign"] == "-"
            return datetime(*at, tzinfo=timezone(-zone if west else zone)).astimezone(UTC).date()
        except ValueError:  # such as February 30
            return None

    def _year(self, text: str) -> int:
        if not self.has_short_year:
            return int(text)
        return int(text) + (1900 if int(text) >= FIRST_OF_1900S else 2000)

    def _month(self, text: str) -> int:
        return MONTHS.index(text[:3].lower()) + 1 if self.has_month_names else int(text)


DATE_FORMATS: Mapping[str, DateFormat] = {
    name: DateFormat(name)
    for name in (
        "YYYY-MM-DD",
        "YYYY-MM-DD hh:mm",
        "YYYY-MM-DDThh:mm",
        "YYYY-MM-DD hh:mm+zone",
        "YYYY-MM-DDThh:mm+zone",
        "YYYY/MM/DD",
        "YYYY/MM/DD hh:mm",
        "YYYYMMDD",
        "DD/MM/YYYY",
        "DD/MM/YYYY hh:mm",
        "DD/MM/YYYY hh:mm AM",
        "MM/DD/YYYY",
        "MM/DD/YYYY hh:mm",
        "MM/DD/YYYY hh:mm AM",
        "DD/MM/YY",
        "DD/MM/YY hh:mm",
        "DD/MM/YY hh:mm AM",
        "MM/DD/YY",
        "MM/DD/YY hh:mm",
        "MM/DD/YY hh:mm AM",
        "DD-MM-YYYY",
        "DD-MM-YYYY hh:mm",
        "MM-DD-YYYY",
        "MM-DD-YYYY hh:mm",
        "DD.MM.YYYY",
        "DD.MM.YYYY hh:mm",
        "DD.MM.YY",
        "DD.MM.YY hh:mm",
        "DD-Mon-YYYY",
        "DD-Mon-YYYY hh:mm",
        "DD-Mon-YY",
        "DD Mon YYYY",
        "DD Mon YYYY hh:mm",
        "DDMonYYYY",
        "Mon DD, YYYY",
        *EPOCHS,
    )
}
"""All formats, by name."""
