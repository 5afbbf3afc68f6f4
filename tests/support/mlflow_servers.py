"""Real servers for tests: MLflow's, and PostgreSQL below it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 120.0


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(backend_uri: str, folder: Path, port: int | None = None) -> Iterator[str]:
    """An MLflow server on a database, artifacts through it; its address."""
    address = f"http://127.0.0.1:{port or free_port()}"
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", address.rpartition(":")[2]),
        *("--backend-store-uri", backend_uri, "--artifacts-destination", str(folder / "artifacts")),
    ]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with _running(command, folder, env=environment) as still_runs:
        _wait(lambda: _answers(f"{address}/health"), still_runs)
        yield address


@contextmanager
def model_server(uri: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """MLflow's scoring server of a model, with these variables beside ours; its address."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"),
        *("--model-uri", uri, "--port", str(port)),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn
    variables = {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path, **environment}
    with _running(command, folder, env={**os.environ, **variables}) as still_runs:
        address = f"http://127.0.0.1:{port}"
        _wait(lambda: _answers(f"{address}/ping"), still_runs)
        yield address


@contextmanager
def postgresql() -> Iterator[str]:
    """An empty PostgreSQL database of its own; its URI. Skips the test where it is missing."""
    newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_version, default=None)
    if newest is None:
        pytest.skip("PostgreSQL is missing; write: apt-get install postgresql")
    # It refuses to run as root. Its folder cannot be one of pytest's, which are closed to others.
    user = {"user": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as place:
        if user:
            shutil.chown(place, "postgres")
        data, port = Path(place, "data"), str(free_port())
        subprocess.run(
            [newest / "initdb", "-D", data, "-U", "mlflow", "--auth=trust", "--encoding=UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=place,
            **user,
        )
        command = [
            *(newest / "postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1"),
            *("-c", "unix_socket_directories=", "-c", "fsync=off"),
        ]
        ready = [newest / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        with _running(command, Path(place), stop=signal.SIGINT, **user) as still_runs:
            _wait(lambda: subprocess.run(ready).returncode == 0, still_runs)
            yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"


@contextmanager
def _running(command, folder: Path, stop=signal.SIGTERM, **options) -> Iterator[Callable]:
    log = folder / "server.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
            **options,
        ) as process,
    ):

        def still_runs() -> None:
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended:\n{log.read_text()}")

        try:
            yield still_runs
        finally:
            _end(process, stop)


def _end(process: subprocess.Popen, stop: signal.Signals) -> None:
    """Ends it with the processes that it started."""
    for sign in (stop, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _wait(ready: Callable[[], bool], still_runs: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        still_runs()
        if time.monotonic() > deadline:
            raise TimeoutError(f"a server did not answer within {PATIENCE} s")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (ours)
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


def _major_version(binaries: Path) -> int:
    return int(binaries.parent.name)
