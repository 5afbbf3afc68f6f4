"""Recognises numbers that are written as amounts, such as ``$1,234.56``, ``12.5%`` or ``0,7``."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.contracts.amount_formats import (
    NUMBERS,
    UNIT,
    AmountFormat,
    pattern_of,
)
from huberflow.pipeline.data.format_fit import MOST, FormatFit

_PATTERNS = {
    name: f"^(?:{pattern_of(AmountFormat(name).signs, UNIT, required=False)})$" for name in NUMBERS
}
_NO_UNIT = "[^A-Za-złč$€£¥₹₩₽₺₪₫₴฿%‰]"

_PLAIN = r"^\s*[+-]?(\d+\.?\d*|\.\d+)-?\s*$"
"""Texts that do not show how amounts are written: numbers, which Parquet may have as text, and
periods such as ``1935-``."""


class PlainNumbers:
    """Whether the plain numbers of a column, such as ``1.234``, may be read with thousands.

    Attributes:
      count: rows with a plain number.
      few: the rows of each text, if there are few; else None.
    """

    def __init__(self) -> None:
        self.count = 0
        self.few: dict[str, int] | None = {}
        self.has_points = False
        """Whether any has a decimal point."""
        self.may_be_grouped = True
        """Whether all that have one are like ``1.234`` or ``12.500``, and none like ``0.5``."""

    def add(self, texts: pa.StringArray, counts: np.ndarray, *, whole: bool) -> None:
        """Adds distinct texts, all of them numbers; ``whole`` if none has a point."""
        self.count += int(counts.sum())
        self._keep_few(texts, counts)
        if whole or not self.may_be_grouped or not len(texts):
            return
        self.has_points = True
        grouped = pc.match_substring_regex(texts, r"^[+-]?([1-9]\d{0,2}\.\d{3}|\d+)$")
        self.may_be_grouped = bool(pc.all(grouped).as_py())

    def _keep_few(self, texts: pa.StringArray, counts: np.ndarray) -> None:
        if self.few is None or len(texts) > 2 * MOST:
            self.few = None
            return
        for text, rows in zip(texts.to_pylist(), counts.tolist(), strict=True):
            self.few[text] = self.few.get(text, 0) + rows
        if len(self.few) > MOST:
            self.few = None


class AmountDetector:
    """The formats that fit almost all texts of a column that are no plain numbers, and its unit."""

    def __init__(self) -> None:
        self._fit = FormatFit(NUMBERS)
        self._units: dict[str, bool] = {}
        """Whether each stands before the number, where it came first."""
        self._signs: set[str] = set()
        self._unitless = self._plain = 0

    def add(self, texts: pa.StringArray, counts: np.ndarray) -> None:
        """Adds distinct texts, each with its number of rows."""
        if not self._fit.bad:
            return
        self._fit.count(counts)
        known = np.zeros(len(texts), bool)
        for name in [*self._fit.bad]:
            fits = self._fit.add_if_close(name, texts, counts, _matcher(_PATTERNS[name]))
            known |= False if fits is None else fits
        if not known.any():
            return
        plain = _matcher(_PLAIN)(texts)
        self._plain += int(counts[plain & known].sum())
        self._add_units(texts.filter(pa.array(known)), counts[known])

    def _add_units(self, texts: pa.StringArray, counts: np.ndarray) -> None:
        if not len(texts):
            return
        units = pc.replace_substring_regex(texts, _NO_UNIT, "")
        self._unitless += int(counts[pc.equal(units, "").to_numpy(zero_copy_only=False)].sum())
        for unit in units.unique().to_pylist():
            if unit and unit not in self._units:
                first = texts[pc.index(units, unit).as_py()].as_py()
                self._units[unit] = first.index(unit) < len(first) / 2
        joined = "".join(texts.to_pylist()) if len(self._signs) < 2 else ""
        self._signs |= {*",."} & {*joined}

    @property
    def units(self) -> tuple[str, ...]:
        """All units of the texts that fit; none where most do not."""
        return (*self._units,) if self._fit.best() else ()

    def formats(self, plain: PlainNumbers) -> list[str]:
        """The names of the formats that fit best, the likeliest first.

        Several where the same texts are other numbers, as ``1,234``; none where the texts have
        several units, or some that need one lack it.

        Args:
          plain: the column's other values.
        """
        best = [name for name in self._fit.best(plain.count) if _reads(name, plain)]
        has_amounts = self._fitting(best) > self._plain
        if not best or not has_amounts or len(self._units) > 1:
            return []
        shares = {*self._units} & {"%", "‰"}
        if shares and (self._unitless or plain.count):
            return []
        signs = self._signs | ({"."} if plain.has_points else set())
        by_decimal = {AmountFormat(name).decimal: name for name in reversed(best)}
        if len(by_decimal) == 1 or not signs:
            return [self._named(best[0])]
        return [self._named(by_decimal[sign]) for sign in ",." if sign not in signs] + [
            self._named(by_decimal[sign]) for sign in ",." if sign in signs
        ]

    def _fitting(self, names: list[str]) -> int:
        return self._fit.rows - sum(self._fit.bad[names[0]].values()) if names else 0

    def bad(self, name: str) -> Mapping[str, int]:
        """The number of rows of each text that is no amount in a format."""
        return self._fit.bad[next(each for each in NUMBERS if each in name)]

    def _named(self, number: str) -> str:
        if not self._units:
            return number
        ((unit, before),) = self._units.items()
        space = " " if unit.isalpha() or not (before or unit in "%‰") else ""
        return f"{unit}{space}{number}" if before else f"{number}{space}{unit}"


def _matcher(pattern: str) -> Callable[[pa.StringArray], np.ndarray]:
    return lambda texts: pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _reads(name: str, plain: PlainNumbers) -> bool:
    """Whether a format reads the plain numbers of the column too."""
    form = AmountFormat(name)
    if not plain.has_points or form.decimal == ".":
        return True
    return plain.may_be_grouped and form.signs[0] == "."
