"""The images, built once."""

import pytest
import stand_ins
from engine import Compose, docker, succeeds


@pytest.fixture(scope="session", autouse=True)
def _engine():
    if not succeeds("docker", "info"):
        pytest.skip("no container engine answers `docker info`; install Docker, and start it")
    for plugin, package in (("compose", "docker-compose"), ("buildx", "docker-buildx")):
        if not succeeds("docker", plugin, "version"):
            pytest.skip(f"`docker {plugin}` is missing; write: apt-get install {package}")


@pytest.fixture(scope="session")
def images(_engine, tmp_path_factory):
    """Those of the pipeline and of serving, under the names that compose.yaml gives them."""
    for name in ("debian:trixie-slim", "postgres:17"):
        stand_ins.provide(name, tmp_path_factory.mktemp("image"))
    Compose("huberflow-build", {"POSTGRES_PASSWORD": "unused"})("build")


@pytest.fixture(scope="session")
def beam_worker(images, tmp_path_factory) -> str:
    """The name of the image of Beam's worker."""
    stand_ins.provide(
        f"apache/beam_python3.13_sdk:{stand_ins.BEAM}", tmp_path_factory.mktemp("image")
    )
    name = "huberflow-beam-worker"
    docker("build", "--quiet", "--tag", name, "--file", "docker/beam-worker.Dockerfile", ".")
    return name
