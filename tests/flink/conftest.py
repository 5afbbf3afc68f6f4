"""One Flink, and the taxi pipeline on it and beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import flink_parts
import pytest
from flink_cluster import Cluster
from taxi_runs import Runs


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    java, job_server = flink_parts.java(), flink_parts.job_server()
    folder = tmp_path_factory.mktemp("flink") / "cluster"
    with Cluster(java, flink_parts.distribution(), job_server, folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def on_flink(cluster: Cluster) -> dict:
    """The section of a config; workers are processes of this Python."""
    options = {
        "job_endpoint": cluster.job_endpoint,
        "parallelism": 2,
        "environment_type": "PROCESS",
        "environment_config": {"command": str(Path(sys.executable).with_name("huberflow-worker"))},
    }
    return {"runner": "flink", "options": options}


@pytest.fixture(scope="session")
def local(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Runs:
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
