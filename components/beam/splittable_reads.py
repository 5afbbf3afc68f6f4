"""Reads a source on all workers."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io import iobase


class SpreadRead(beam.PTransform):
    """What ``beam.io.Read`` does, with the parts of the source dealt out before they are read.

    Beam's own is a splittable DoFn. Flink and Spark run one where its source is, all parts in a
    row on one worker (https://github.com/apache/beam/issues/21222), and TFX's nodes read their
    rows by it.

    Args:
      source: files, for example; a compressed file is one part.
    """

    def __init__(self, source: iobase.BoundedSource) -> None:
        super().__init__()
        self._source = source

    def expand(self, begin: Any) -> Any:
        """The rows, from the beginning of a pipeline."""
        parts = begin | beam.Impulse() | "Split" >> beam.FlatMap(_parts, self._source)
        return parts | beam.Reshuffle() | "Read" >> beam.FlatMap(_rows)


def _parts(_: bytes, source: iobase.BoundedSource) -> Iterator[iobase.SourceBundle]:
    size = iobase.Read.get_desired_chunk_size(source.estimate_size())
    yield from source.split(size)


def _rows(part: iobase.SourceBundle) -> Iterator[Any]:
    tracker = part.source.get_range_tracker(part.start_position, part.stop_position)
    yield from part.source.read(tracker)
