"""Runs ExampleGen by itself; as a script, prints how much memory more and more rows take."""

import json
import resource
import sys
from pathlib import Path

import tensorflow as tf
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2 as proto
from tfx.types import standard_artifacts

from huberflow.components.contracts.node_config import ExampleGenConfig
from huberflow.components.data import examples, mixing
from huberflow.pipeline.beam import beam_target


def run(
    executor: type,
    folder: Path,
    pattern: str,
    buckets: tuple[int, ...] = (1,),
    config: ExampleGenConfig | None = None,
) -> Path:
    """The folder that was written, with a folder for each split: train, and eval."""
    names = ["train", "eval"][: len(buckets)]
    splits = [
        proto.SplitConfig.Split(name=name, hash_buckets=count)
        for name, count in zip(names, buckets, strict=True)
    ]
    node = FileBasedExampleGen(
        input_base=str(folder),
        input_config=proto.Input(splits=[proto.Input.Split(name="all", pattern=pattern)]),
        output_config=proto.Output(split_config=proto.SplitConfig(splits=splits)),
    )
    found = standard_artifacts.Examples()
    found.uri = str(folder / "examples")
    context = base_beam_executor.BaseBeamExecutor.Context(
        list(beam_target.in_process_arguments()),
        tmp_dir=str(folder / "temporary"),
        unique_id="1",
    )
    properties = dict(node.exec_properties)
    if config:
        properties["custom_config"] = config.to_text()
    executor(context).Do({}, {"examples": [found]}, properties)
    assert json.loads(found.split_names) == names
    return folder / "examples"


def rows(split: Path) -> list[bytes]:
    """The rows of a split, file by file."""
    files = sorted(map(str, split.iterdir()))
    return list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def peaks(folder: Path, sizes: list[int]) -> list[int]:
    """The peak memory of this process in megabytes, after each number of rows of 5,000 bytes."""
    mixing.INPUT_BYTES = 2**21
    found = []
    for size in sizes:
        with (folder / f"{size}.csv").open("w") as file:
            file.write("number,text\n")
            file.writelines(f"{row},{row:05000}x\n" for row in range(size))
        run(examples.CsvExecutor, folder, f"{size}.csv")
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    return found


if __name__ == "__main__":
    print(json.dumps(peaks(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]])))
