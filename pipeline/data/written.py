"""How values of a column are written, where more than one reading is possible."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from huberflow.components.contracts.amount_formats import AmountFormat
from huberflow.components.contracts.date_formats import DATE_FORMATS
from huberflow.pipeline.data.column_summary import ColumnSummary
from huberflow.pipeline.data.format_fit import SHARE

DecimalSign = Literal["point", "comma"]

_SIGNS = {"point": ".", "comma": ","}


@dataclass(frozen=True)
class Written:
    """What the user says of how values are written; what is not said, the rows decide."""

    amounts: Mapping[str, str] = field(default_factory=dict)
    """Columns of amounts and their format."""
    decimal: DecimalSign | None = None
    """The decimal sign of numbers such as ``1,234``, which may be read in two ways."""
    day_first: bool | None = None
    """Whether ``01/02/2024`` is in February, where all days are below 13."""

    def date_formats(self, names: list[str]) -> list[str]:
        """Those of the formats that the user does not contradict."""
        if self.day_first is None or len(names) < 2:
            return names
        return [name for name in names if DATE_FORMATS[name].is_day_first is self.day_first]

    def amount_formats(self, names: list[str]) -> list[str]:
        """Those of the formats that the user does not contradict."""
        sign = _SIGNS.get(self.decimal or "")
        return [name for name in names if sign in (None, AmountFormat(name).decimal)]


@dataclass(frozen=True)
class Format:
    """The format of a column of dates or amounts."""

    name: str
    others: tuple[str, ...]
    """Formats that fit as well, in which the same texts are other values."""
    bad: Mapping[str, int]
    """The number of rows of each text that it does not fit: missing values."""


def date_format(summary: ColumnSummary, written: Written) -> Format | None:
    """The format of a column in which almost all values are dates; None for any other column."""
    texts, plain = summary.texts, summary.plain
    if not texts.count:
        names = summary.number_dates.formats if summary.numbers.integers else []
        bad = summary.number_dates.bad(names[0]) if names else {}
        return Format(names[0], (), bad) if names else None
    names = written.date_formats(texts.dates.formats)
    few = plain.few if plain.few is not None and plain.count <= SHARE * texts.count else None
    if len(names) != 1 or few is None:
        return None
    return Format(names[0], (), {**texts.dates.bad(names[0]), **few})


def amount_format(name: str, summary: ColumnSummary, written: Written) -> Format | None:
    """The format of a column in which almost all values are amounts; None for any other column."""
    if name in written.amounts:
        return Format(written.amounts[name], (), {})
    texts, plain = summary.texts, summary.plain
    if not texts.count:
        grouped = plain.has_points and plain.may_be_grouped and written.decimal == "comma"
        return Format("1.234,56", (), {}) if grouped else None
    found = texts.amounts.formats(plain)
    names = written.amount_formats(found)
    if not names:
        return None
    others = found[1:] if names == found else []
    return Format(names[0], (*others,), texts.amounts.bad(names[0]))
