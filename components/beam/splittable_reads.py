"""Reads a source on all workers."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.io import iobase


class DistributedRead(beam.PTransform):
    """Reads like ``beam.io.Read``, but distributes the parts of the source before they are read.

    Beam's own read is a splittable DoFn. Flink and Spark read all its parts on one worker, one
    after another (https://github.com/apache/beam/issues/21222), and TFX's nodes read rows with it.

    Args:
      source: files, for example; a compressed file is one part.
    """

    def __init__(self, source: iobase.BoundedSource) -> None:
        super().__init__()
        self._source = source

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """The rows, from the beginning of a pipeline."""
        parts = begin | beam.Impulse() | "Split" >> beam.FlatMap(_parts, self._source)
        return parts | beam.Reshuffle() | "Read" >> beam.FlatMap(_rows)


def _parts(_: bytes, source: iobase.BoundedSource) -> Iterator[iobase.SourceBundle]:
    size = iobase.Read.get_desired_chunk_size(source.estimate_size())
    yield from source.split(size)


def _rows(part: iobase.SourceBundle) -> Iterator[Any]:
    tracker = part.source.get_range_tracker(part.start_position, part.stop_position)
    yield from part.source.read(tracker)
