"""Beam's runners for Flink and Spark, but that all workers read."""

from typing import Any

from apache_beam.io import iobase
from apache_beam.runners.portability import flink_runner, spark_runner

from huberflow.components.beam.splittable_reads import SpreadRead


class _SpreadsReads:
    def apply(self, transform: Any, input: Any, options: Any) -> Any:
        """Expands a transform; Beam's runners have this for what they want to be otherwise."""
        if isinstance(transform, iobase.Read) and isinstance(
            transform.source, iobase.BoundedSource
        ):
            return SpreadRead(transform.source).expand(input)
        return super().apply(transform, input, options)  # type: ignore[misc]


class FlinkRunner(_SpreadsReads, flink_runner.FlinkRunner):
    """Beam's for Flink, see ``huberflow.components.beam.splittable_reads``."""


class SparkRunner(_SpreadsReads, spark_runner.SparkRunner):
    """Beam's for Spark, see ``huberflow.components.beam.splittable_reads``."""
