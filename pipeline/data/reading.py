"""Reads the rows of any source, in order, a bounded number at a time."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from huberflow.components.data import csv_reading
from huberflow.components.data.files import Source
from huberflow.pipeline.data import parquet_reading, tfrecord_reading

_READERS = {
    "csv": csv_reading.read_batches,
    "parquet": parquet_reading.read_batches,
    "tfrecord": tfrecord_reading.read_batches,
}

OnProgress = Callable[[float], None]
"""Told how much of all files is read, from 0 to 1."""


def read_batches(source: Source, on_progress: OnProgress | None = None) -> Iterator[pa.Table]:
    """All rows, columns as in ``plain``; of CSV all are text.

    Raises:
      DataError: a file is damaged, or TFX would read it wrongly.
    """
    total = max(1, sum(file.stat().st_size for file in source.files))

    def on_bytes(read: int) -> None:
        if on_progress is not None:
            on_progress(read / total)

    return _READERS[source.file_format](source, on_bytes)
