"""Beam's share of ``huberflow run``: two workers on Flink against two local workers.

Both read the same trips; the seconds of the nodes that use Beam are added up.
"""

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from benchmarks import many_trips
from benchmarks.flink.cluster import Cluster
from benchmarks.flink.jars import MissingError
from benchmarks.harness import huberflow, in_turn, show, temporary_folder, timed, warm_up

GOAL = 4 / 3
COPIES = (10, 100)
NODES = ("ExampleGen", "StatisticsGen", "Transform", "Evaluator")
WORKERS = 2


def run(pairs: int) -> None:
    """Measures each of ``COPIES``.

    Raises:
      click.ClickException: there is no Java or no Flink, or a run failed.
    """
    warm_up()
    processes = {"direct_running_mode": "multi_processing", "direct_num_workers": WORKERS}
    with temporary_folder() as folder:
        try:
            cluster = Cluster(folder / "cluster", WORKERS)
        except MissingError as missing:
            raise click.ClickException(str(missing)) from missing
        measured = []
        with cluster:
            for data, rows in many_trips.files(COPIES):
                local = partial(_seconds, data, "local", processes)
                flink = partial(_seconds, data, "flink", cluster.beam_options(WORKERS))
                sides = ("local", local), ("flink", flink)
                measured.append(in_turn(f"{rows:,} rows", GOAL, *sides, pairs))
    show("Rows on Flink, two workers on each side", measured, ("local", "flink"))


def _seconds(data: Path, runner: str, options: Mapping[str, object]) -> float:
    settings = (
        "training.epochs=1",
        "tracking.enabled=false",
        f"beam.runner={runner}",
        f"beam.options={json.dumps(options)}",
    )
    with temporary_folder() as folder:
        timed(huberflow("run", folder / "run", *settings, data=data), folder / "log")
        return beam_seconds((folder / "log").read_text())


def beam_seconds(printed: str) -> float:
    """The seconds of the nodes that use Beam, from the output of a run."""
    ran = dict(re.findall(r"^ +(\w+) +ran +([\d.]+) s", printed, re.MULTILINE))
    return sum(float(ran[node]) for node in NODES)
