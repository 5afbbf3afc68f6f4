"""Generators of examples, for the kinds of files that a user may have."""

import os
from pathlib import Path
from typing import Any

from tfx.proto import example_gen_pb2

from huberflow.components.data import examples, splits
from huberflow.components.data.example_gen import ExampleGen
from huberflow.components.data.files import Source
from huberflow.pipeline.config import Data, Splits
from huberflow.pipeline.data import source, taxi
from huberflow.pipeline.system.source_hash import source_hashes


def example_gen(data: Data, folder: str | None = None) -> Any:
    """The node that reads a user's files, or the taxi trips, and splits their rows.

    Args:
      data: as it is here; the files are looked for here.
      folder: where the node will find them, if that is not here.

    Raises:
      DataError: see ``source.find_source``.
    """
    if data.splits.files.train is not None:
        return _by_files(data, folder)
    found = source.find_source(data.path or taxi.folder())
    made = _by_hash if data.splits.column is None else _by_column
    return made(found, data.splits, folder)


def _by_hash(found: Source, asked: Splits, folder: str | None) -> Any:
    return ExampleGen(
        examples.EXECUTORS[found.file_format],
        **_all_rows(found, folder),
        output_config=_shares(asked),
        custom_config={"source": source_hashes("huberflow.components.data.examples")},
    )


def _by_column(found: Source, asked: Splits, folder: str | None) -> Any:
    values, days = asked.values, asked.days
    return ExampleGen(
        splits.EXECUTORS[found.file_format],
        **_all_rows(found, folder),
        output_config=_shares(asked),
        custom_config={
            "column": asked.column,
            "values": values,
            "days": days and days.model_dump(mode="json"),
            "draw": None if days or "validation" in values.values() else _drawn(asked),
            "source": source_hashes("huberflow.components.data.splits"),
        },
    )


def _by_files(data: Data, folder: str | None) -> Any:
    found = source.find_sources(data.paths())
    placed = {
        key.rpartition(".")[2]: Path(*source.folder_and_pattern(each.files))
        for key, each in found.items()
    }
    base = Path(os.path.commonpath([pattern.parent for pattern in placed.values()]))
    draw = "validation" not in placed
    if draw:
        placed["validation"] = placed["train"]
    split = example_gen_pb2.Input.Split
    each = [(name, str(placed[name].relative_to(base))) for name in splits.SPLITS]
    return ExampleGen(
        splits.EXECUTORS[source.merge_sources(found).file_format],
        input_base=folder or str(base),
        input_config=example_gen_pb2.Input(splits=[split(name=n, pattern=p) for n, p in each]),
        output_config=example_gen_pb2.Output(),  # the splits of the input
        custom_config={
            "column": None,
            "draw": _drawn(data.splits) if draw else None,
            "source": source_hashes("huberflow.components.data.splits"),
        },
    )


def _all_rows(found: Source, folder: str | None) -> dict[str, Any]:
    """Tells TFX where all of them lie."""
    base, pattern = source.folder_and_pattern(found.files)
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    return {"input_base": folder or base, "input_config": example_gen_pb2.Input(splits=[split])}


def _shares(asked: Splits) -> example_gen_pb2.Output:
    """Of each split; TFX calls them buckets."""
    split = example_gen_pb2.SplitConfig.Split
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name=name, hash_buckets=getattr(asked, name)) for name in splits.SPLITS]
        )
    )


def _drawn(asked: Splits) -> dict[str, int]:
    """Shares of the rows to train on and of those drawn from them for validation."""
    return {"train": asked.train, "validation": asked.validation}
