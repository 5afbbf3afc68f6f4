"""One Flink, and the taxi pipeline on it and beside it."""

from __future__ import annotations

import pytest
from taxi_runs import Runs

from benchmarks.flink.cluster import Cluster
from benchmarks.flink.jars import MissingError


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    """A task manager more than a job takes: one may die."""
    folder = tmp_path_factory.mktemp("flink") / "cluster"
    try:
        flink = Cluster(folder, size=3, retries=3)
    except MissingError as missing:
        pytest.skip(str(missing))
    with flink:
        yield flink


@pytest.fixture(scope="session")
def on_flink(cluster: Cluster) -> dict:
    """The section of a config."""
    return {"runner": "flink", "options": cluster.beam_options(workers=2)}


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A workspace with a run in this process."""
    runs = Runs(tmp_path_factory.mktemp("local") / "workspace")
    runs.run()
    return runs


@pytest.fixture(scope="session")
def flink(on_flink: dict, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A workspace with the same run, on Flink."""
    runs = Runs(tmp_path_factory.mktemp("flink-runs") / "workspace")
    runs.run(beam=on_flink)
    return runs
