"""Generators of examples, for the kinds of files that a user may have."""

from pathlib import Path
from typing import Any

import tfx
from tfx.components import CsvExampleGen, ImportExampleGen
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.examples import CsvExecutor, ParquetExecutor
from components.splits import SPLITS, SplitExampleGen
from pipeline.config import Data, Splits
from pipeline.data import source
from pipeline.data.source import Source
from pipeline.fingerprint import source_of


def example_gen(data: Data) -> Any:
    """The node that reads a user's files, or the taxi trips, and splits their rows.

    Raises:
      DataError: see ``source.find``.
    """
    if not data.paths():
        made = CsvExampleGen(str(taxi_data()), output_config=_shares(data.splits))
    elif data.path is None:
        made = _of_split_files(data)
    elif data.splits.column is not None:
        made = _by_column(source.find(data.path), data.splits)
    else:
        made = _by_hash(source.find(data.path), data.splits)
    return made.with_id("ExampleGen")


def _by_hash(found: Source, splits: Splits) -> Any:
    told = {**_all_rows(found), "output_config": _shares(splits)}
    if found.kind == "tfrecord":
        return ImportExampleGen(**told)
    if found.kind == "csv" and not found.compressed:
        return CsvExampleGen(**told)
    reader = CsvExecutor if found.kind == "csv" else ParquetExecutor
    spec = executor_spec.BeamExecutorSpec(reader)
    return FileBasedExampleGen(**told, custom_executor_spec=spec)


def _by_column(found: Source, splits: Splits) -> Any:
    values, days = splits.values, splits.days
    return SplitExampleGen(
        found.kind,
        **_all_rows(found),
        output_config=_shares(splits),
        custom_config={
            "column": splits.column,
            "values": values,
            "days": days and days.model_dump(mode="json"),
            "draw": None if days or "validation" in values.values() else _drawn(splits),
            "source": source_of("components.splits"),
        },
    )


def _of_split_files(data: Data) -> Any:
    found = source.each(data.paths())
    patterns = {
        key.rpartition(".")[2]: source.pattern(each.files) for key, each in found.items()
    }
    draw = "validation" not in patterns
    if draw:
        patterns["validation"] = patterns["train"]
    split = example_gen_pb2.Input.Split
    return SplitExampleGen(
        source.together(found).kind,
        input_base=patterns["train"][0],
        input_config=example_gen_pb2.Input(
            # Absolute, for each split may have a folder of its own.
            splits=[split(name=name, pattern=os.path.join(*patterns[name])) for name in SPLITS]
        ),
        output_config=example_gen_pb2.Output(),
        custom_config={
            "column": None,
            "draw": _drawn(data.splits) if draw else None,
            "source": source_of("components.splits"),
        },
    )


def taxi_data() -> Path:
    """Folder of the Chicago Taxi trips that the tfx wheel ships."""
    return Path(tfx.__file__).parent / "examples" / "chicago_taxi_pipeline" / "data" / "simple"


def _all_rows(found: Source) -> dict[str, Any]:
    """Tells TFX where all of them lie."""
    base, pattern = source.pattern(found.files)
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    return {"input_base": base, "input_config": example_gen_pb2.Input(splits=[split])}


def _shares(splits: Splits) -> example_gen_pb2.Output:
    """Of each split; TFX calls them buckets."""
    split = example_gen_pb2.SplitConfig.Split
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name=name, hash_buckets=getattr(splits, name)) for name in SPLITS]
        )
    )


def _drawn(splits: Splits) -> dict[str, int]:
    """Shares of the rows to train on and of those drawn from them for validation."""
    return {"train": splits.train, "validation": splits.validation}
