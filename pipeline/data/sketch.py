"""What is kept of a column while its rows go by: little, however many they are.

Nothing here depends on how the rows are cut into batches.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from huberflow.components.data import numerals
from huberflow.pipeline.data.dates import DateFormatDetector

EXACT = 10_000
"""Distinct values that are kept; how many more there are is estimated."""

_SMALLEST = 4096
"""Hashes that the estimate is made from; its standard error is 1 / sqrt(4096), 1.6 %."""

_LARGEST = float(np.finfo(np.float32).max)
"""What TFX's floats can hold; beyond it they are infinite."""

_FEW = 20
"""Texts among numbers that are kept to name them."""

_PLAIN = (pa.int64(), pa.float64(), pa.string())


class Values:
    """Which values there are, and how many."""

    def __init__(self) -> None:
        self.exact: dict[object, None] | None = {}
        """In the order they came; None where there are more than ``EXACT``."""
        self.first: list[object] = []
        """Some of them."""
        self._hashes = np.array([], np.uint64)
        """The smallest of all values: their spread tells how many values there are."""

    def add(self, values: pa.Array) -> None:
        """Distinct values of some rows."""
        if self.exact is None:
            self._add_hashes(values)
            return
        self.exact |= dict.fromkeys(values.to_pylist())
        self.first = [value for value, _ in zip(self.exact, range(5), strict=False)]
        if len(self.exact) > EXACT:
            self._add_hashes(pa.array(self.exact, values.type))
            self.exact = None

    def _add_hashes(self, values: pa.Array) -> None:
        from pandas.util import hash_array

        plain = values.to_numpy(zero_copy_only=False)
        hashes = hash_array(plain, categorize=False)
        if len(self._hashes) == _SMALLEST:
            hashes = hashes[hashes < self._hashes[-1]]
        self._hashes = np.union1d(self._hashes, hashes)[:_SMALLEST]

    @property
    def distinct(self) -> int:
        """Exact up to ``EXACT``."""
        if self.exact is not None:
            return len(self.exact)
        share = float(self._hashes[-1]) / 2**64
        return max(EXACT + 1, round((_SMALLEST - 1) / share))


class Numbers:
    """Least, most and mean."""

    def __init__(self) -> None:
        self.finite = self.infinite = self.nan = 0
        self.least: float = np.inf
        self.most: float = -np.inf
        self.mean = 0.0
        self.integers = True
        """All are stored or written as whole numbers."""
        self.whole = True
        """All have whole values, such as 3.0."""

    def add(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Distinct values, each with how often it came."""
        self.integers &= not len(values) or values.dtype == np.int64
        missing = np.isnan(values)
        infinite = np.abs(values.astype(np.float64)) > _LARGEST
        self.nan += int(counts[missing].sum())
        self.infinite += int(counts[infinite].sum())
        finite = ~missing & ~infinite
        if np.any(finite):
            self._add_finite(values[finite], counts[finite])

    def _add_finite(self, values: np.ndarray, counts: np.ndarray) -> None:
        some = int(counts.sum())
        self.finite += some
        self.mean += (float(np.average(values, weights=counts)) - self.mean) * some / self.finite
        self.least = min(self.least, values.min().item())
        self.most = max(self.most, values.max().item())
        self.whole &= bool(np.all(values == np.floor(values)))


class Texts:
    """How long, and whether they are dates."""

    def __init__(self) -> None:
        self.count = self.words = self.longest = 0
        self.dates = DateFormatDetector()
        self.few: dict[str, int] | None = {}
        """How often each value comes; None where there are more than a few."""

    def add(self, values: pa.StringArray, counts: np.ndarray) -> None:
        """Distinct values, each with how often it came."""
        if not len(values):
            return
        self.count += int(counts.sum())
        self.longest = max(self.longest, pc.max(pc.utf8_length(values)).as_py())
        words = pc.add(pc.count_substring(pc.utf8_trim_whitespace(values), " "), 1)
        self.words += int((words.to_numpy() * counts).sum())
        self.dates.add(values)
        self._keep_few(values, counts)

    def _keep_few(self, values: pa.StringArray, counts: np.ndarray) -> None:
        if self.few is None or len(values) > _FEW:
            self.few = None
            return
        for value, count in zip(values.to_pylist(), counts.tolist(), strict=True):
            self.few[value] = self.few.get(value, 0) + count
        if len(self.few) > _FEW:
            self.few = None


class Sketch:
    """Of one column."""

    def __init__(self, *, written: bool) -> None:
        """Begins without rows.

        Args:
          written: all is text, in which numbers are to be recognised, as in CSV.
        """
        self._written = written
        self.values, self.numbers, self.texts = Values(), Numbers(), Texts()
        self.nested = 0
        """Values that are lists, structures or bytes."""

    def add(self, rows: pa.ChunkedArray) -> None:
        """Some rows of it: null, int64, double or string; any other type counts as nested."""
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

    def _add(self, values: pa.Array, counts: np.ndarray) -> None:
        self.values.add(values)
        if not pa.types.is_string(values.type):
            self.numbers.add(values.to_numpy(zero_copy_only=False), counts)
        elif not self._written:
            self.texts.add(values, counts)
        else:
            read = numerals.read(values)
            self.numbers.add(read.numbers, counts[~read.text])
            self.texts.add(values.filter(pa.array(read.text)), counts[read.text])
