"""Reads the rows of any source, in order, a bounded number at a time."""

from collections.abc import Iterator

import pyarrow as pa

from huberflow.components.data import csv_reading
from huberflow.components.data.files import Source
from huberflow.pipeline.data import parquet_reading, tfrecord_reading

_READERS = {
    "csv": csv_reading.read_batches,
    "parquet": parquet_reading.read_batches,
    "tfrecord": tfrecord_reading.read_batches,
}


def read_batches(source: Source) -> Iterator[pa.Table]:
    """All rows, in the types of ``arrow_types``; in CSV all values are text.

    Raises:
      InputError: a file is damaged, or TFX would read it wrongly.
    """
    return _READERS[source.file_format](source)
