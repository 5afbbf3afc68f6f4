"""Beam's share of ``huberflow run``: two workers on Flink against two local workers.

Both read the same trips; the seconds of the nodes that use Beam are added up.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from benchmarks import many_trips
from benchmarks.flink.cluster import Cluster
from benchmarks.flink.jars import MissingError
from benchmarks.pairs import Pairs, show
from benchmarks.processes import huberflow, in_turn, timed, warm_up

GOAL = 4 / 3
COPIES = (10, 100)
NODES = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")
WORKERS = 2


def run(pairs: int, console: Console) -> None:
    """Measures each of ``COPIES``.

    Raises:
      click.ClickException: there is no Java or no Flink, or a run failed.
    """
    warm_up()
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as name:
        folder = Path(name)
        try:
            flink = Cluster(folder / "cluster", WORKERS)
        except MissingError as missing:
            raise click.ClickException(str(missing)) from missing
        with flink:
            measured = [_measure(copies, flink, folder, pairs, console) for copies in COPIES]
    show("Rows on Flink, two workers on each side", measured, console, ("local", "flink"))


def _measure(copies: int, cluster: Cluster, folder: Path, pairs: int, console: Console) -> Pairs:
    data = folder / f"{copies}.csv"
    many_trips.write(data, copies)
    processes = {"direct_running_mode": "multi_processing", "direct_num_workers": WORKERS}
    local = ("local", lambda: _seconds(data, "local", processes))
    flink = ("flink", lambda: _seconds(data, "flink", cluster.beam_options(WORKERS)))
    return in_turn(f"{copies * many_trips.ROWS:,} rows", GOAL, local, flink, pairs, console)


def _seconds(data: Path, runner: str, options: Mapping[str, object]) -> float:
    settings = (
        "training.epochs=1",
        "tracking.enabled=false",
        f"beam.runner={runner}",
        f"beam.options={json.dumps(options)}",
    )
    with tempfile.TemporaryDirectory(prefix="huberflow-benchmark-") as folder:
        log = Path(folder, "log")
        command = huberflow("run", Path(folder, "run"), *settings)
        timed([*command, "--data", str(data), "--label", "fare"], log)
        return beam_seconds(log.read_text())


def beam_seconds(printed: str) -> float:
    """The seconds of the nodes that use Beam, from the output of a run."""
    ran = dict(re.findall(r"^ +(\w+) +ran +([\d.]+) s", printed, re.MULTILINE))
    return sum(float(ran[node]) for node in NODES)
