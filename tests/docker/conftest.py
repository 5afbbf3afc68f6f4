"""The images, built once, and the running compose project."""

import os

import pytest
import stand_ins
from container_engine import Compose, docker, succeeds, unanswered, up, wait_until


@pytest.fixture(scope="session", autouse=True)
def _engine():
    if missing := os.environ.get("NO_CONTAINER_ENGINE") or unanswered():  # of .ci/with_engine
        pytest.skip(f"no container engine: {missing}")
    for plugin, package in (("compose", "docker-compose"), ("buildx", "docker-buildx")):
        if not succeeds("docker", plugin, "version"):
            pytest.skip(f"`docker {plugin}` is missing; write: apt-get install {package}")


@pytest.fixture(scope="session")
def images(_engine, tmp_path_factory):
    """The images of the pipeline and of serving, with their names in compose.yaml."""
    _provide(tmp_path_factory, "debian:trixie-slim", "postgres:17")
    _build()


@pytest.fixture(scope="session")
def beam_worker(images, tmp_path_factory) -> str:
    """The name of the Beam worker's image."""
    _provide(tmp_path_factory, f"apache/beam_python3.13_sdk:{stand_ins.BEAM}")
    name = "huberflow-beam-worker"
    docker("build", "--quiet", "--tag", name, "--file", "docker/beam-worker.Dockerfile", ".")
    return name


@pytest.fixture(scope="session")
def flink(beam_worker, tmp_path_factory):
    """The image of Flink, with Beam's job server."""
    _provide(
        tmp_path_factory,
        f"apache/beam_flink1.19_job_server:{stand_ins.BEAM}",
        f"flink:{stand_ins.FLINK}-scala_2.12-java17",
    )
    _build("job-manager")


@pytest.fixture(scope="session")
def compose(images):
    """The running services, after the run has ended and its model is served."""
    with up("test") as compose:
        wait_until(lambda: compose.health("serving") == "healthy", "serving")
        yield compose


@pytest.fixture(scope="session")
def bundle(compose, tmp_path_factory):
    """A copy of the model that the run pushed."""
    folder = tmp_path_factory.mktemp("copied")
    compose("cp", "serving:/work/workspace/serving/taxi/1", str(folder / "1"))
    return folder / "1"


def _provide(tmp_path_factory, *names: str) -> None:
    for name in names:
        stand_ins.provide(name, tmp_path_factory.mktemp("image"))


def _build(*services: str) -> None:
    Compose("huberflow-build", {"POSTGRES_PASSWORD": "unused"})("build", *services)
