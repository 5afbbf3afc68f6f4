"""The node that reads the rows, for each file format and each way to split them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from tfx.proto import example_gen_pb2

from huberflow.components.contracts.node_config import DrawnShares, ExampleGenConfig, SplitDays
from huberflow.components.data import examples, splits
from huberflow.components.data.example_gen import ExampleGen
from huberflow.pipeline.config import Config, Data, Splits
from huberflow.pipeline.data import source, taxi
from huberflow.pipeline.schema import schema_file
from huberflow.pipeline.system.source_hash import source_hashes


@dataclass(frozen=True)
class ColumnTypes:
    """Columns that have one type in every run, whatever their values are."""

    texts: tuple[str, ...] = ()
    """Those that are read as they are written."""
    floats: tuple[str, ...] = ()
    """Those whose whole numbers are written as floats: later rows may have fractions."""

    @classmethod
    def of(cls, config: Config) -> "ColumnTypes":
        """The types of the columns of a user's data, by their uses.

        Slices are named by values as they are stored, 3 and not 3.0.
        """
        features, data = config.features, config.data
        weights = [] if data.weight is None else [data.weight]
        numbers = [*features.numeric, *weights, *(() if data.classes else data.labels)]
        sliced = {*chain.from_iterable(config.evaluation.slices)}
        own = bool(data.paths())
        floats = [name for name in numbers if own and name not in sliced]
        return cls((*features.amounts, *data.amounts), tuple(floats))


def example_gen(
    data: Data, folder: str | None = None, types: ColumnTypes | None = None
) -> ExampleGen:
    """The node that reads the user's files, or the taxi trips, and splits their rows.

    Args:
      data: names files on this machine.
      folder: where the node finds them, if it runs elsewhere.
      types: of its columns.

    Raises:
      InputError: see ``source.find_source``.
    """
    if data.splits.files.train is not None:
        return _by_files(data, folder, types or ColumnTypes())
    found = source.find_source(data.path or taxi.folder())
    base, pattern = source.folder_and_pattern(found.files)
    by_hash = data.splits.column is None and data.splits.group is None
    executors = (examples if by_hash else splits).EXECUTORS
    return ExampleGen(
        folder or base,
        executor=executors[found.file_format],
        input_config=_input({"all": pattern}),
        output_config=_shares(data.splits),
        custom_config=_with_types(_custom_config(data.splits), data, types or ColumnTypes()),
    )


def _with_types(config: ExampleGenConfig, data: Data, types: ColumnTypes) -> ExampleGenConfig:
    pinned = schema_file.number_types(data.pinned_schema)
    floats = dict.fromkeys([*types.floats, *pinned])
    return replace(
        config,
        # A pinned schema decides; it may have whole numbers where later rows have fractions.
        fractions=tuple(name for name in floats if pinned.get(name, "FLOAT") == "FLOAT"),
        missing=data.missing,
        texts=types.texts,
        amounts=data.amounts,
    )


def _custom_config(asked: Splits) -> ExampleGenConfig:
    if asked.group is not None:
        return ExampleGenConfig(
            group=asked.group,
            draw=replace(_drawn(asked), eval=asked.eval),
            source=source_hashes("huberflow.components.data.splits"),
        )
    if asked.column is None:
        return ExampleGenConfig(source=source_hashes("huberflow.components.data.examples"))
    days = asked.days
    return ExampleGenConfig(
        column=asked.column,
        values=asked.values,
        days=SplitDays.from_json(days.model_dump(mode="json")) if days else None,
        draw=None if days or "validation" in asked.values.values() else _drawn(asked),
        source=source_hashes("huberflow.components.data.splits"),
    )


def _by_files(data: Data, folder: str | None, types: ColumnTypes) -> ExampleGen:
    sources = source.find_sources(data.paths())
    patterns = {
        key.rpartition(".")[2]: Path(*source.folder_and_pattern(each.files))
        for key, each in sources.items()
    }
    base = Path(os.path.commonpath([pattern.parent for pattern in patterns.values()]))
    draw = "validation" not in patterns
    if draw:
        patterns["validation"] = patterns["train"]
    return ExampleGen(
        folder or str(base),
        executor=splits.EXECUTORS[source.merge_sources(sources).file_format],
        input_config=_input(
            {name: str(patterns[name].relative_to(base)) for name in splits.SPLITS}
        ),
        output_config=example_gen_pb2.Output(),  # the splits of the input
        custom_config=_with_types(
            ExampleGenConfig(
                draw=_drawn(data.splits) if draw else None,
                source=source_hashes("huberflow.components.data.splits"),
            ),
            data,
            types,
        ),
    )


def _input(patterns: Mapping[str, str]) -> example_gen_pb2.Input:
    split = example_gen_pb2.Input.Split
    return example_gen_pb2.Input(
        splits=[split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    )


def _shares(asked: Splits) -> example_gen_pb2.Output:
    """The share of each split; TFX counts it in hash buckets."""
    split = example_gen_pb2.SplitConfig.Split
    return example_gen_pb2.Output(
        split_config=example_gen_pb2.SplitConfig(
            splits=[split(name=name, hash_buckets=getattr(asked, name)) for name in splits.SPLITS]
        )
    )


def _drawn(asked: Splits) -> DrawnShares:
    return DrawnShares(train=asked.train, validation=asked.validation)
