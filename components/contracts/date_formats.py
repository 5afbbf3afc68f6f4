"""The formats in which a column of text may hold dates.

One table serves profiling (Arrow), splits by date (Python) and Transform (TensorFlow).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property

_HOURS_OF_HALF_DAY = "(0[1-9]|1[0-2])"


@dataclass(frozen=True)
class DateFormat:
    """How a date is written; its name, such as ``DD/MM/YYYY hh:mm AM``, decides all else.

    Seconds and their fraction may follow the minutes. A zone is ``Z``, ``+02:00`` or ``+0200``.
    A day alone is its midnight, where the format has a time and no zone: pandas writes so.
    """

    name: str

    @property
    def has_time(self) -> bool:
        """Whether hours and minutes follow the day."""
        return "hh" in self.name

    @property
    def has_half_days(self) -> bool:
        """Whether hours count to 12, followed by ``AM`` or ``PM``."""
        return self.name.endswith(" AM")

    @property
    def has_zone(self) -> bool:
        """Whether a time zone follows the time."""
        return self.name.endswith("+zone")

    @cached_property
    def year_month_day(self) -> tuple[int, int, int]:
        """The groups of ``day_pattern`` that hold year, month and day."""
        order = re.findall("Y+|M+|D+", self.name)
        return order.index("YYYY") + 1, order.index("MM") + 1, order.index("DD") + 1

    @cached_property
    def day_pattern(self) -> str:
        """Regular expression of the day, with a group for each of its three numbers."""
        day = self.name[:10].replace(".", r"\.")
        return re.sub("Y+|M+|D+", lambda letters: rf"(\d{{{len(letters[0])}}})", day)

    @cached_property
    def iso_day(self) -> str:
        """What to replace ``day_pattern`` by to get an ISO date."""
        return "-".join(rf"\{group}" for group in self.year_month_day)

    @cached_property
    def pattern(self) -> str:
        """Regular expression of a whole text to parse.

        Groups 4 to 6 are hours, minutes and seconds; 7 to 9 are sign, hours and minutes of a zone.
        """
        return self._pattern("[ T]", r"(\d{2})", "" if self.has_zone else "?")

    @cached_property
    def exact_pattern(self) -> str:
        """The same to recognise a format by: no text matches it in two ways of writing a time."""
        hours = _HOURS_OF_HALF_DAY if self.has_half_days else r"(\d{2})"
        return f"^{self._pattern(self.name[10:11], hours, '')}$"

    def _pattern(self, separator: str, hours: str, times: str) -> str:
        time = rf"{separator}{hours}:(\d{{2}})(?::(\d{{2}})(?:\.\d{{1,9}})?)?"
        half = " [AP]M" if self.has_half_days else ""
        zone = r"(?:Z|([+-])(\d{2}):?(\d{2}))" if self.has_zone else ""
        return self.day_pattern + (f"(?:{time}{half}{zone}){times}" if self.has_time else "")

    def day(self, text: str) -> date | None:
        """The day of a date in this format, in UTC where it has a zone; None for any other text."""
        if re.fullmatch(self.pattern, text) is None:
            return None
        iso = re.sub(self.day_pattern, self.iso_day, text, count=1)
        try:
            if self.has_zone:
                return datetime.fromisoformat(iso).astimezone(UTC).date()
            return date.fromisoformat(iso[:10])
        except ValueError:  # such as February 30
            return None


DATE_FORMATS: Mapping[str, DateFormat] = {
    name: DateFormat(name)
    for name in (
        "YYYY-MM-DD",
        "YYYY-MM-DD hh:mm",
        "YYYY-MM-DDThh:mm",
        "YYYY-MM-DD hh:mm+zone",
        "YYYY-MM-DDThh:mm+zone",
        "YYYY/MM/DD",
        "DD/MM/YYYY",
        "DD/MM/YYYY hh:mm",
        "DD/MM/YYYY hh:mm AM",
        "MM/DD/YYYY",
        "MM/DD/YYYY hh:mm",
        "MM/DD/YYYY hh:mm AM",
        "DD.MM.YYYY",
        "DD.MM.YYYY hh:mm",
    )
}
"""All formats, by name."""
