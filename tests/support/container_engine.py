"""A container engine, and one project of compose on it."""

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
    """What a command prints; its errors go where pytest shows them."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, **options
    )
    return done.stdout


def succeeds(*command: str) -> bool:
    """Whether a command is there, and exits with 0."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Returns as soon as it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.5)


@dataclass(frozen=True)
class Compose:
    """``docker compose`` on our file, as a project of its own.

    Attributes:
      project: its name, which parts it from the user's own.
      variables: what the file takes from the environment.
    """

    project: str
    variables: Mapping[str, str]

    def __call__(self, *arguments: str) -> str:
        """What a command prints."""
        file = str(ROOT / "docker" / "compose.yaml")
        return docker(
            *("compose", "--file", file, "--project-name", self.project, *arguments),
            env={**os.environ, **self.variables},
        )

    @property
    def network(self) -> str:
        """The name of the one that its services are on."""
        return f"{self.project}_default"

    def port(self, service: str, inside: int) -> int:
        """The port of this machine that leads to one of a service."""
        return int(self("port", service, str(inside)).strip().rpartition(":")[2])

    def health(self, service: str) -> str:
        """Such as ``starting`` or ``healthy``."""
        status = ("--format", "{{.State.Health.Status}}")
        return docker("inspect", *status, self._container(service)).strip()

    def said(self, service: str) -> str:
        """What a service has written until now."""
        return docker("logs", self._container(service), stderr=subprocess.STDOUT)

    def _container(self, service: str) -> str:
        return self("ps", "--all", "--quiet", service).strip()


@contextmanager
def up(name: str, *arguments: str) -> Iterator[Compose]:
    """``docker compose … up``, with ports and volumes of its own; nothing of it stays."""
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
