"""Beam's share of ``huberflow run``, on Flink with two workers and here with two workers.

Both read the same trips; what is added up is what the nodes took whose rows Beam processes.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import many_trips
from benchmarks.flink.cluster import Cluster
from benchmarks.flink.jars import MissingError
from benchmarks.pairs import Pairs
from benchmarks.processes import huberflow, in_turn, timed, warm_up

GOAL = 4 / 3
COPIES = (10, 100)
NODES = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")
WORKERS = 2


def measure(pairs: int, console: Console) -> list[Pairs]:
    """Prints each pair as it ends.

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
            return [_measured(copies, flink, folder, pairs, console) for copies in COPIES]


def _measured(copies: int, cluster: Cluster, folder: Path, pairs: int, console: Console) -> Pairs:
    data = folder / f"{copies}.csv"
    many_trips.write(data, copies)
    here = {"direct_running_mode": "multi_processing", "direct_num_workers": WORKERS}
    local = ("local", lambda: _seconds(data, "local", here))
    flink = ("flink", lambda: _seconds(data, "flink", cluster.beam_options(WORKERS)))
    return in_turn(f"{copies * many_trips.ROWS:,} rows", GOAL, local, flink, pairs, console)


def _seconds(data: Path, runner: str, options: Mapping[str, Any]) -> float:
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
        return added_up(log.read_text())


def added_up(printed: str) -> float:
    """Seconds of the nodes, as a run prints them."""
    ran = dict(re.findall(r"^ +(\w+) +ran +([\d.]+) s", printed, re.MULTILINE))
    return sum(float(ran[node]) for node in NODES)
