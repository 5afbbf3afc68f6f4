"""Writes rows in random order, however many there are, in memory that does not grow with them.

Beam's own ``Reshuffle``, which TFX writes with, mixes nothing on the local runner, and holds all
rows in memory there. Here rows go through files, and between Beam's stages only their names.
"""

import math
import random
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

INPUT_BYTES = 2**23
"""Of the user's files for each file that is written, which is mixed in memory."""

MOST_FILES = 64
"""Of each split, for all are open at once; of more than 512 MiB each takes more."""

_BATCH_ROWS = 4096


def files(input_bytes: int) -> int:
    """How many files to write for so large an input."""
    return min(MOST_FILES, max(1, math.ceil(input_bytes / INPUT_BYTES)))


@beam.ptransform_fn
def write(rows: Any, folder: str, into: int, aside: str) -> Any:
    """Writes serialized rows as gzipped TFRecords, named as TFX names them.

    Args:
      rows: serialized.
      folder: for the files.
      into: how many files; a row may come into any of them.
      aside: folder for rows on their way; on a cluster, one that all workers see.
    """
    return (
        rows
        | "Scatter" >> beam.ParDo(_Scatter(aside, into)).with_output_types(tuple[int, str])
        | "Gather" >> beam.GroupByKey()
        | "Mix" >> beam.Map(_mix, folder, into)
    )


class _Scatter(beam.DoFn):
    """Rows to files aside, one for each file to write: its number, and its path."""

    def __init__(self, aside: str, files: int) -> None:
        self._aside, self._files = Path(aside), files

    def start_bundle(self) -> None:
        name = uuid.uuid4().hex
        self._paths = [str(self._aside / f"{name}-{number}") for number in range(self._files)]
        self._writers = [tf.io.TFRecordWriter(path) for path in self._paths]
        self._random = random.Random(0)  # noqa: S311 (nothing secret)

    def process(self, row: bytes) -> None:
        self._writers[int(self._random.random() * self._files)].write(row)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for number, (path, writer) in enumerate(zip(self._paths, self._writers, strict=True)):
            writer.close()
            yield WindowedValue((number, path), GlobalWindow().max_timestamp(), [GlobalWindow()])


def _mix(scattered: tuple[int, Iterable[str]], folder: str, into: int) -> None:
    number, parts = scattered
    rows = [row for part in parts for row in _rows(part)]
    random.Random(number).shuffle(rows)  # noqa: S311 (nothing secret)
    path = Path(folder) / f"data_tfrecord-{number:05}-of-{into:05}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(row)


def _rows(path: str) -> Iterator[bytes]:
    for batch in tf.data.TFRecordDataset(path).batch(_BATCH_ROWS).as_numpy_iterator():
        yield from batch.tolist()
