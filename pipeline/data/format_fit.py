"""Which formats fit almost all texts of a column, whatever the batches that they come in."""

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

MOST = 20
"""Texts of a column that a format does not fit; with more, the column is in another one."""

_FIRST = 64
"""Texts that are tried before all others of a batch."""

SHARE = 0.05
"""Of the rows that may have such a text."""


class FormatFit:
    """The formats that fit so far, and the texts that each does not fit.

    Args:
      names: of the formats.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.bad: dict[str, dict[str, int]] = {name: {} for name in names}
        """By format, the number of rows of each text that does not fit."""
        self.rows = 0
        """All that were counted."""

    def count(self, counts: np.ndarray) -> None:
        """Counts rows, before it is added which of them fit."""
        self.rows += int(counts.sum())

    def add_if_close(
        self,
        name: str,
        texts: pa.StringArray,
        counts: np.ndarray,
        fits_of: Callable[[pa.StringArray], np.ndarray],
    ) -> np.ndarray | None:
        """Adds what one format makes of distinct texts; None if the first few rule it out.

        Args:
          name: of the format.
          texts: distinct.
          counts: the number of rows of each.
          fits_of: says which of some texts fit.
        """
        first = texts[:_FIRST]
        if np.count_nonzero(~fits_of(first)) > MOST:
            del self.bad[name]
            return None
        fits = fits_of(texts)
        self._add(name, texts, counts, fits)
        return fits

    def _add(self, name: str, texts: pa.StringArray, counts: np.ndarray, fits: np.ndarray) -> None:
        bad = self.bad[name]
        if len(bad) + np.count_nonzero(~fits) > 2 * MOST:  # some may be there already
            del self.bad[name]
            return
        misfits = texts.filter(pa.array(~fits)).to_pylist()
        for text, rows in zip(misfits, counts[~fits].tolist(), strict=True):
            bad[text] = bad.get(text, 0) + rows
        if len(bad) > MOST:
            del self.bad[name]

    def best(self, other_rows: int = 0) -> list[str]:
        """The formats with the fewest rows that do not fit, if these are few.

        Args:
          other_rows: rows that fit all of the formats, and were not added.
        """
        rows = {name: sum(bad.values()) for name, bad in self.bad.items()}
        fewest = min(rows.values(), default=0)
        most = SHARE * (self.rows + other_rows)
        return [name for name, each in rows.items() if each == fewest <= most]
