"""Reads the rows of any source, in order, a bounded number at a time."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from pipeline.data import csv_reading, parquet_reading, tfrecord_reading
from pipeline.data.source import Source

_READERS = {
    "csv": csv_reading.batches,
    "parquet": parquet_reading.batches,
    "tfrecord": tfrecord_reading.batches,
}

OnProgress = Callable[[float], None]
"""Told how much of all files is read, from 0 to 1."""


def batches(source: Source, on_progress: OnProgress | None = None) -> Iterator[pa.Table]:
    """All rows, columns as in ``plain``; of CSV all are text.

    Raises:
      DataError: a file is damaged, or TFX would read it wrongly.
    """
    total = max(1, sum(file.stat().st_size for file in source.files))

    def on_bytes(read: int) -> None:
        if on_progress is not None:
            on_progress(read / total)

    return _READERS[source.kind](source, on_bytes)
