"""How fast the files of a large bundle are compared with its certificate, and its graph is read.

The files are compared by the bundle's own ``reload.py``, in a process of its own, in turn with
``openssl dgst -sha256``, which computes the same hashes one after another with the same
instructions of the processor; both find the files in the disk's cache. The ops of a graph are
looked through in turn with TensorFlow's parser alone, which is the least that a look into the file
costs.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.empty_certificate import sealed
from benchmarks.harness import Pairs, console, in_turn, seconds_of, show, temporary_folder
from huberflow.components.bundle import reload
from huberflow.components.bundle.loader_copy import copy_loader

BYTES = 2 * 10**9
FILES = (1, 8)
"""Numbers of files with these bytes in all."""
FILES_GOAL, GRAPH_GOAL = 1.1, 3.0
NODES = (10_000, 100_000)


def run(pairs: int) -> None:
    """Measures files and graphs of each size, and prints the results.

    Raises:
      click.ClickException: a command failed.
    """
    with temporary_folder() as folder:
        files = [_files(large_bundle(folder / "bundle", count), count, pairs) for count in FILES]
        show("Files", files, ("openssl", "reload.py"))
        graphs = [_graph(folder / "graph", nodes, pairs) for nodes in NODES]
        show("Ops of a graph", graphs, ("parsed", "looked through"))


def _files(bundle: Path, count: int, pairs: int) -> Pairs:
    paths = [str(path) for path in bundle.rglob("*") if path.is_file()]
    verify = [sys.executable, str(bundle / reload.layout.LOADER)]
    name = f"{BYTES / 1e9:.1f} GB in {count} file{'s' if count > 1 else ''}"
    theirs = ("openssl", lambda: used(["openssl", "dgst", "-sha256", *paths]).seconds)
    runs: list[Usage] = []

    def ours() -> float:
        runs.append(used(verify))
        return runs[-1].seconds

    measured = in_turn(name, FILES_GOAL, theirs, ("reload.py", ours), pairs)
    per_second, per_cpu_second = (
        BYTES / min(getattr(run, unit) for run in runs) / 1e9 for unit in ("seconds", "cpu")
    )
    console.print(
        f"{name}: {per_second:.2f} GB/s at best, {per_cpu_second:.2f} GB per second of CPU, "
        f"{max(run.memory for run in runs) / 1e6:.0f} MB of memory"
    )
    shutil.rmtree(bundle)
    return measured


def large_bundle(folder: Path, count: int) -> Path:
    """A bundle with ``BYTES`` of weights in so many files, and without a model to load."""
    names = [f"variables/variables.data-{n:05}-of-{count:05}" for n in range(count)]
    (folder / "variables").mkdir(parents=True)
    block = os.urandom(2**20)
    for name in names:
        with (folder / name).open("wb") as file:
            for start in range(0, BYTES // count, len(block)):
                file.write(block[: BYTES // count - start])
    (folder / reload.layout.EXTRA).mkdir()
    copy_loader(folder / reload.layout.EXTRA)
    return sealed(
        folder, [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
    )


@dataclass(frozen=True)
class Usage:
    """What a command took."""

    seconds: float
    cpu: float
    """Seconds of CPU, of all threads."""
    memory: int
    """The largest, in bytes."""


def used(command: Sequence[str]) -> Usage:
    """What a command takes.

    Raises:
      click.ClickException: it does not exit with 0.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise click.ClickException(f"exit code {process.returncode} from {command}")
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _graph(folder: Path, nodes: int, pairs: int) -> Pairs:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved_model = SavedModel()
    library = saved_model.meta_graphs.add().graph_def.library
    for number in range(nodes // 100):
        function = library.function.add()
        function.signature.name = f"function_{number}"
        for place in range(100):
            node = function.node_def.add(name=f"node_{place}", op="MatMul", input=["a", "b"])
            node.attr["T"].type = 1
            node.attr["transpose_a"].b = False
    folder.mkdir(exist_ok=True)
    file = folder / "saved_model.pb"
    file.write_bytes(saved_model.SerializeToString())
    parsed = ("parsed", lambda: seconds_of(lambda: SavedModel.FromString(file.read_bytes())))
    scanned = ("looked through", lambda: seconds_of(reload.graph_ops.unsafe_ops, folder))
    scanned[1]()  # imports
    return in_turn(f"{nodes:,} nodes", GRAPH_GOAL, parsed, scanned, pairs)
