"""A container engine, and one project of compose on it."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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

    def port(self, service: str, inside: int) -> int:
        """The port of this machine that leads to one of a service."""
        return int(self("port", service, str(inside)).strip().rpartition(":")[2])

    def health(self, service: str) -> str:
        """Such as ``starting`` or ``healthy``."""
        container = self("ps", "--quiet", service).strip()
        return docker("inspect", "--format", "{{.State.Health.Status}}", container).strip()
