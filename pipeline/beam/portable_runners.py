"""Beam's runners for Flink and Spark, changed so that all workers read the rows."""

import apache_beam as beam
from apache_beam.io import iobase
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import PValue
from apache_beam.runners.portability import flink_runner, spark_runner

from huberflow.components.beam.splittable_reads import DistributedRead


class _DistributedReads:
    def apply(self, transform: beam.PTransform, input: PValue, options: PipelineOptions) -> PValue:
        """Expands a transform; Beam calls it so that a runner can replace some transforms."""
        if isinstance(transform, iobase.Read) and isinstance(
            transform.source, iobase.BoundedSource
        ):
            return DistributedRead(transform.source).expand(input)
        return super().apply(transform, input, options)  # type: ignore[misc]


class FlinkRunner(_DistributedReads, flink_runner.FlinkRunner):
    """Beam's Flink runner, see ``huberflow.components.beam.splittable_reads``."""


class SparkRunner(_DistributedReads, spark_runner.SparkRunner):
    """Beam's Spark runner, see ``huberflow.components.beam.splittable_reads``."""
