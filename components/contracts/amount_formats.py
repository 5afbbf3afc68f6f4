"""The formats in which a column of text may hold numbers with signs, such as ``$1,234``.

One table serves profiling (Arrow), labels (Python) and Transform (TensorFlow).
"""

import re
from dataclasses import dataclass
from functools import cached_property

_BLANK = "[ \t\u00a0\u2009\u202f]"
"""Between thousands, and between a number and its unit: spaces that may break a line or not."""

_GROUP = {",": ",", ".": r"\.", " ": _BLANK, "'": "['\u2019]"}
"""Regular expressions of what may stand between thousands."""

_MINUS = "[-\u2212]"

_CODES = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HUF", "INR", "JPY", "KRW",
    "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR",
)  # fmt: skip

UNIT = rf"(?:[A-Z]{{0,3}}[$€£¥₹₩₽₺₪₫₴฿]|%|‰|{'|'.join(_CODES)}|kr|zł|Kč|Ft|Rs|Fr)"
"""Regular expression of all units: signs and codes of currencies, per cent and per mille."""

_NUMBER = re.compile(r"1([,. '])234([.,])56")
_SHARES = ("%", "‰")


@dataclass(frozen=True)
class AmountFormat:
    """How an amount is written; its name, such as ``$1,234.56`` or ``1.234,56 €``, decides it.

    The signs between thousands may be absent, and so may a unit that is a currency. A minus may
    stand before the unit, before the number or behind it, or parentheses for it: ``(45)`` is -45.
    The value is the number as it is written: ``12.5%`` is 12.5.
    """

    name: str

    @cached_property
    def signs(self) -> tuple[str, str]:
        """What stands between thousands, and before fractions."""
        group, decimal = _NUMBER.search(self.name).groups()  # type: ignore[union-attr]
        return group, decimal

    @property
    def decimal(self) -> str:
        """The sign between whole numbers and fractions."""
        return self.signs[1]

    @property
    def unit(self) -> str:
        """What is written beside the number; empty for none."""
        return _NUMBER.sub("", self.name).strip()

    @property
    def needs_unit(self) -> bool:
        """Whether a number without the unit would mean another one: 5 is not 5%."""
        return self.unit in _SHARES

    @cached_property
    def pattern(self) -> str:
        """Regular expression of a whole text to parse."""
        return pattern_of(self.signs, re.escape(self.unit), required=self.needs_unit)

    @cached_property
    def is_negative(self) -> str:
        """Regular expression of a part of a text, which makes a number that fits negative."""
        return rf"\(|{_MINUS}"

    @cached_property
    def is_no_digit(self) -> str:
        """Regular expression of what to leave out of a text that fits, to get a plain number."""
        return rf"[^0-9{self.decimal}]"

    def number(self, text: str) -> float | None:
        """The number that a text stands for; None for a text in another format."""
        if re.fullmatch(self.pattern, text) is None:
            return None
        plain = float(re.sub(self.is_no_digit, "", text).replace(",", "."))
        return -plain if re.search(self.is_negative, text) else plain


def pattern_of(signs: tuple[str, str], unit: str, *, required: bool) -> str:
    """Regular expression of a whole text.

    Args:
      signs: what stands between thousands, and before fractions.
      unit: regular expression.
      required: whether every text has the unit.
    """
    group, decimal = _GROUP[signs[0]], re.escape(signs[1])
    # Groups of two digits are the lakhs of India.
    grouped = rf"[1-9]\d{{0,2}}(?:{group}\d{{2,3}})*{group}\d{{3}}"
    number = rf"(?:(?:{grouped}|\d+)(?:{decimal}\d+)?|{decimal}\d+)"
    space = f"{_BLANK}*"
    before = f"{unit}{space}{number}"
    behind = f"{number}{space}{unit}"
    amount = f"(?:{before}|{behind})" if required else f"(?:{before}|{behind}|{number})"
    signed = (
        f"[+]?{space}{amount}|{_MINUS}{space}{amount}|{amount}{space}{_MINUS}"
        rf"|{unit}{space}{_MINUS}{space}{number}|\({space}{amount}{space}\)"
        rf"|{unit}{space}\({space}{number}{space}\)|{_MINUS}?{space}{number}{space}{unit}"
    )
    return f"{space}(?:{signed}){space}"


NUMBERS = ("1,234.56", "1.234,56", "1 234.56", "1 234,56", "1'234.56", "1'234,56")
"""How numbers may be written; a column's unit stands before or behind."""

_NAMES = "|".join(map(re.escape, NUMBERS))
_NAME = re.compile(rf"(?:{UNIT} ?)?(?:{_NAMES})|(?:{_NAMES}) ?{UNIT}")


def is_amount_format(name: str) -> bool:
    """Whether a name is one of a format, such as ``1.234,56 €``: a number with at most one unit."""
    return _NAME.fullmatch(name) is not None
