"""Generators of examples, for the kinds of files that a user may have."""

from pathlib import Path
from typing import Any

import tfx
from tfx.components import CsvExampleGen, ImportExampleGen
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.examples import GzippedCsvExecutor, ParquetExecutor
from pipeline.config import Data, Splits
from pipeline.data import source


def example_gen(data: Data) -> Any:
    """The node that reads a user's files, or the taxi trips, and splits their rows by hash.

    Raises:
      DataError: see ``source.find``.
    """
    output = _splits(data.splits)
    if data.path is None:
        return CsvExampleGen(str(taxi_data()), output_config=output).with_id("ExampleGen")
    found = source.find(data.path)
    split = example_gen_pb2.Input.Split(name="all", pattern=found.pattern)
    told = {
        "input_base": str(found.base),
        "input_config": example_gen_pb2.Input(splits=[split]),
        "output_config": output,
    }
    if found.kind == "tfrecord":
        made = ImportExampleGen(**told)
    elif found.kind == "csv" and not found.compressed:
        made = CsvExampleGen(**told)
    else:
        reader = GzippedCsvExecutor if found.kind == "csv" else ParquetExecutor
        spec = executor_spec.BeamExecutorSpec(reader)
        made = FileBasedExampleGen(**told, custom_executor_spec=spec)
    return made.with_id("ExampleGen")


def taxi_data() -> Path:
    """Folder of the Chicago Taxi trips that the tfx wheel ships."""
    return Path(tfx.__file__).parent / "examples" / "chicago_taxi_pipeline" / "data" / "simple"


def _splits(splits: Splits) -> example_gen_pb2.Output:
    split = example_gen_pb2.SplitConfig.Split
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name=name, hash_buckets=buckets) for name, buckets in splits]
        )
    )
