"""Generators of examples, for the kinds of files that a user may have."""

import os
from collections.abc import Sequence
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
from pipeline.data.source import DataError


def example_gen(data: Data) -> Any:
    """The node that reads a user's files, or the taxi trips, and splits their rows by hash.

    Raises:
      DataError: see ``source.find``; or files lie beside others that TFX would read too.
    """
    output = _splits(data.splits)
    if data.path is None:
        return CsvExampleGen(str(taxi_data()), output_config=output).with_id("ExampleGen")
    found = source.find(data.path)
    base, pattern = _pattern([file.absolute() for file in found.files])
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    told = {
        "input_base": base,
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


def _pattern(files: Sequence[Path]) -> tuple[str, str]:
    """A folder, and the pattern of these files in it and of no others: TFX knows no lists."""
    base = Path(os.path.commonpath([file.parent for file in files]))
    if len(files) == 1:
        return str(base), files[0].name
    names = [str(file.relative_to(base)) for file in files]
    begin, end = _in_common(names), _in_common([name[::-1] for name in names])[::-1]
    pattern = f"{begin}*{end}"
    if sorted(base.glob(pattern)) != sorted(files):
        raise DataError(
            f"data.path: expected files that lie by themselves, received {len(files)} in {base} "
            f"beside others like {pattern}; move them to a folder of their own"
        )
    return str(base), pattern


def _in_common(names: Sequence[str]) -> str:
    return os.path.commonprefix(names)  # noqa: RUF071 (character by character, as it is meant)


def _splits(splits: Splits) -> example_gen_pb2.Output:
    split = example_gen_pb2.SplitConfig.Split
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name=name, hash_buckets=buckets) for name, buckets in splits]
        )
    )
