"""Writes rows in random order, in memory that does not grow with their number.

TFX uses Beam's ``Reshuffle``, which on the local runner mixes nothing and keeps all rows in memory.
Here rows go through files, and only the files' names pass between Beam's stages.
"""

import math
import random
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

import apache_beam as beam
import tensorflow as tf
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

INPUT_BYTES = 2**23
"""Size of the input for each file that is written; a file is mixed in memory."""

MOST_FILES = 64
"""Files of a split, all of which are open at once; above 512 MiB of input they grow."""

_BATCH_ROWS = 4096


def count_files(input_bytes: int) -> int:
    """The number of files to write for an input of this size."""
    return min(MOST_FILES, max(1, math.ceil(input_bytes / INPUT_BYTES)))


@beam.ptransform_fn
def write_mixed(
    rows: beam.PCollection, folder: str, files: int, temporary: str
) -> beam.PCollection:
    """Writes serialized rows as gzipped TFRecords, named as TFX names them.

    Args:
      rows: serialized.
      folder: for the files.
      files: how many to write; each row goes to any of them.
      temporary: folder for rows in between; on a cluster, one that all workers see.
    """
    return (
        rows
        | "Scatter" >> beam.ParDo(_Scatter(temporary, files)).with_output_types(tuple[int, str])
        | "Gather" >> beam.GroupByKey()
        | "Mix" >> beam.Map(_mix, folder, files)
    )


class _Scatter(beam.DoFn):
    """Writes rows to temporary files, one for each final file; yields its number and its path."""

    def __init__(self, temporary: str, files: int) -> None:
        self._temporary, self._files = Path(temporary), files

    def start_bundle(self) -> None:
        name = uuid.uuid4().hex
        self._paths = [str(self._temporary / f"{name}-{number}") for number in range(self._files)]
        self._writers = [tf.io.TFRecordWriter(path) for path in self._paths]
        self._random = random.Random(0)  # noqa: S311 (nothing secret)

    def process(self, row: bytes) -> None:
        self._writers[int(self._random.random() * self._files)].write(row)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for number, (path, writer) in enumerate(zip(self._paths, self._writers, strict=True)):
            writer.close()
            yield WindowedValue((number, path), GlobalWindow().max_timestamp(), [GlobalWindow()])


def _mix(scattered: tuple[int, Iterable[str]], folder: str, files: int) -> None:
    number, paths = scattered
    rows = [row for path in paths for row in _rows(path)]
    random.Random(number).shuffle(rows)  # noqa: S311 (nothing secret)
    file = Path(folder) / f"data_tfrecord-{number:05}-of-{files:05}.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for row in rows:
            writer.write(row)


def _rows(path: str) -> Iterator[bytes]:
    for batch in tf.data.TFRecordDataset(path).batch(_BATCH_ROWS).as_numpy_iterator():
        yield from batch.tolist()
