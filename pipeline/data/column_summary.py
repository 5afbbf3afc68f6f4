"""What is kept of a column while its rows are read: little, however many rows there are.

Nothing here depends on how the rows are divided into batches, but the last digits of a deviation.
"""

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.data import missing, numerals
from huberflow.pipeline.data.amounts import AmountDetector, PlainNumbers
from huberflow.pipeline.data.dates import NUMBERS, DateFormatDetector
from huberflow.pipeline.data.moments import HEAVY, Moments

if TYPE_CHECKING:
    from tfx_bsl.sketches import KmvSketch

EXACT = 10_000
"""Distinct values that are kept; if there are more, their number is estimated."""

_HASHES = 4096
"""Hashes that the estimate is made from; its standard error is 1 / sqrt(4096), 1.6 %."""

_LARGEST = float(np.finfo(np.float32).max)
"""TFX's floats are infinite beyond it."""

_FEW = 20
"""Texts among numbers that are kept to name them."""

_PLAIN = (pa.int64(), pa.float64(), pa.string())


class DistinctValues:
    """Which values there are, and how many."""

    def __init__(self) -> None:
        self.exact: dict[object, None] | None = {}
        """The values in the order they came; None if there are more than ``EXACT``."""
        self.first: list[object] = []
        """The first five, if there are more than ``EXACT``."""
        self._sketch: KmvSketch | None = None

    def add(self, values: pa.Array) -> None:
        """Adds the distinct values of some rows."""
        if self.exact is not None:
            self.exact |= dict.fromkeys(values.to_pylist())
            if len(self.exact) <= EXACT:
                return
            from tfx_bsl.sketches import KmvSketch

            self._sketch = KmvSketch(_HASHES)
            self.first = list(self.exact)[:5]
            values, self.exact = pa.array(self.exact, values.type), None
        if self._sketch is not None:
            self._sketch.AddValues(values)

    @property
    def count(self) -> int:
        """The number of distinct values, exact up to ``EXACT``."""
        if self._sketch is not None:
            return max(EXACT + 1, self._sketch.Estimate())
        return len(self.exact or ())


class NumberSummary:
    """The range of the numbers, and which kinds of numbers there are."""

    def __init__(self) -> None:
        self.finite = self.infinite = self.nan = 0
        self.least: float = np.inf
        self.most: float = -np.inf
        self.integers = True
        """Whether all are stored or written as whole numbers."""
        self.whole = True
        """Whether all have whole values, such as 3.0."""
        self._moments, self._log_moments = Moments(), Moments()

    @property
    def deviation(self) -> float:
        """The standard deviation; 0 without numbers."""
        return self._moments.deviation

    @property
    def has_heavy_tail(self) -> bool:
        """Whether no number is below 0, some are far above most, and log(1 + number) is even."""
        skewness, of_logs = self._moments.skewness, self._log_moments.skewness
        return self.least >= 0 and skewness > HEAVY and abs(of_logs) < skewness / 2

    @property
    def count(self) -> int:
        """The number of values but NaN."""
        return self.finite + self.infinite

    def add(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Adds distinct values, each with its number of rows."""
        self.integers &= not len(values) or values.dtype == np.int64
        missing = np.isnan(values)
        infinite = np.abs(values.astype(np.float64)) > _LARGEST
        self.nan += int(counts[missing].sum())
        self.infinite += int(counts[infinite].sum())
        finite = ~missing & ~infinite
        self.finite += int(counts[finite].sum())
        if np.any(finite):
            numbers = values[finite]
            self.least = min(self.least, numbers.min().item())
            self.most = max(self.most, numbers.max().item())
            self.whole &= bool(np.all(numbers == np.floor(numbers)))
            floats, rows = numbers.astype(np.float64), counts[finite]
            self._moments.add(floats, rows)
            self._log_moments.add(np.log1p(np.maximum(floats, 0)), rows)


class TextSummary:
    """How many words the texts have, and whether they are dates or amounts."""

    def __init__(self) -> None:
        self.count = self.words = 0
        self.dates, self.amounts = DateFormatDetector(), AmountDetector()
        self.counts: dict[str, int] | None = {}
        """The number of rows of each text; None if there are more than ``_FEW`` texts."""

    def add(self, values: pa.StringArray, counts: np.ndarray) -> None:
        """Adds distinct values, each with its number of rows."""
        if not len(values):
            return
        self.count += int(counts.sum())
        words = pc.add(pc.count_substring(pc.utf8_trim_whitespace(values), " "), 1)
        self.words += int((words.to_numpy() * counts).sum())
        self.dates.add(values, counts)
        self.amounts.add(values, counts)
        self._keep_few(values, counts)

    def _keep_few(self, values: pa.StringArray, counts: np.ndarray) -> None:
        if self.counts is None or len(values) > _FEW:
            self.counts = None
            return
        for value, count in zip(values.to_pylist(), counts.tolist(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + count
        if len(self.counts) > _FEW:
            self.counts = None


class ColumnSummary:
    """What is kept of one column.

    Args:
      from_text: all values are text in which numbers are to be recognised, as in CSV.
    """

    def __init__(self, *, from_text: bool) -> None:
        self.from_text = from_text
        self.values, self.numbers, self.texts = DistinctValues(), NumberSummary(), TextSummary()
        self.plain, self.number_dates = PlainNumbers(), DateFormatDetector(NUMBERS)
        self.nested = 0
        """The number of values that are lists, structures or bytes."""
        self.marks: dict[str, int] = {}
        """The number of rows of each text that would be a missing value among numbers or dates."""

    def add(self, rows: pa.ChunkedArray) -> None:
        """Adds some rows: null, int64, double or string; any other type counts as nested."""
        if pa.types.is_null(rows.type):
            return
        if rows.type not in _PLAIN:
            self.nested += len(rows) - rows.null_count
            return
        counted = rows.value_counts()
        values, counts = counted.field("values"), counted.field("counts").to_numpy()
        present = pc.is_valid(values)
        if pa.types.is_string(values.type):
            present = pc.and_kleene(present, pc.not_equal(values, "")).fill_null(False)
        self._add(values.filter(present), counts[present.to_numpy(zero_copy_only=False)])

    def take_marks_for_words(self) -> None:
        """Counts the marks as texts, after the last row of a column of words."""
        marks, counts = [*self.marks], np.array([*self.marks.values()], np.int64)
        self.marks = {}
        self.values.add(pa.array(marks, pa.string()))
        self.texts.add(pa.array(marks, pa.string()), counts)

    def _add(self, values: pa.Array, counts: np.ndarray) -> None:
        if pa.types.is_string(values.type):
            marks = missing.are_marks(values)
            each = counts[marks.to_numpy(zero_copy_only=False)].tolist()
            for mark, count in zip(values.filter(marks).to_pylist(), each, strict=True):
                self.marks[mark] = self.marks.get(mark, 0) + count
            others = pc.invert(marks)
            values, counts = values.filter(others), counts[others.to_numpy(zero_copy_only=False)]
        self.values.add(values)
        if not pa.types.is_string(values.type):
            self.numbers.add(values.to_numpy(zero_copy_only=False), counts)
            if pa.types.is_integer(values.type):
                self.number_dates.add(values.cast(pa.string()), counts)
        elif not self.from_text:
            self.texts.add(values, counts)
        else:
            parsed = numerals.parse(values)
            self.numbers.add(parsed.numbers, counts[~parsed.is_text])
            self._add_plain(values.filter(pa.array(~parsed.is_text)), counts[~parsed.is_text])
            self.texts.add(values.filter(pa.array(parsed.is_text)), counts[parsed.is_text])

    def _add_plain(self, texts: pa.StringArray, counts: np.ndarray) -> None:
        self.plain.add(texts, counts, whole=self.numbers.integers)
        self.number_dates.add(texts, counts)
