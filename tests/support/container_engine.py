"""The container engine, and a compose project."""

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow_servers import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0


def docker(*arguments: str, **options) -> str:
    """The output of a docker command; pytest shows its stderr."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, **options
    )
    return done.stdout


def succeeds(*command: str) -> bool:
    """Whether a command exists and exits with 0."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def unanswered() -> str:
    """Why no engine answers; empty where one does."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, text=True)
    except FileNotFoundError:
        return "Docker is not installed"
    return f"`docker info`: {done.stderr.strip()}" if done.returncode else ""


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Returns as soon as the condition is true."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.5)


@dataclass(frozen=True)
class Compose:
    """``docker compose`` with ``docker/compose.yaml``, as a separate project.

    Attributes:
      project: the project's name, different from the user's.
      variables: the environment variables of the file.
    """

    project: str
    variables: Mapping[str, str]

    def __call__(self, *arguments: str) -> str:
        """The output of a compose command."""
        file = str(ROOT / "docker" / "compose.yaml")
        return docker(
            *("compose", "--file", file, "--project-name", self.project, *arguments),
            env={**os.environ, **self.variables},
        )

    @property
    def network(self) -> str:
        """The name of the services' network."""
        return f"{self.project}_default"

    def port(self, service: str, inside: int) -> int:
        """The port of this machine that is published for a service's port."""
        return int(self("port", service, str(inside)).strip().rpartition(":")[2])

    def health(self, service: str) -> str:
        """The health of a service, such as ``starting`` or ``healthy``."""
        status = ("--format", "{{.State.Health.Status}}")
        return docker("inspect", *status, self._container(service)).strip()

    def logs(self, service: str) -> str:
        """The output of a service until now."""
        return docker("logs", self._container(service), stderr=subprocess.STDOUT)

    def _container(self, service: str) -> str:
        return self("ps", "--all", "--quiet", service).strip()


@contextmanager
def up(name: str, *arguments: str) -> Iterator[Compose]:
    """``docker compose … up`` with separate ports and volumes, which are removed at the end."""
    variables = {
        "POSTGRES_PASSWORD": secrets.token_hex(),
        "MLFLOW_PORT": str(free_port()),
        "SERVING_PORT": str(free_port()),
    }
    compose = Compose(f"huberflow-{name}-{os.getpid()}", variables)
    try:
        compose(*arguments, "up", "--detach", "--no-build")
        yield compose
    finally:
        compose(*arguments, "down", "--volumes")
