"""Serves MLflow's pages on a workspace's own database, to this machine alone."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.interruption import termination_as_interrupt
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.tracker import TrackingError

_PATIENCE = 120
"""Seconds that MLflow may take to start; on a slow machine it imports for half a minute."""

# A proxy that the environment names would be asked for a page of this very machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def serve(
    workspace: Workspace,
    store_uri: str,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    on_ready: Callable[[str], None],
) -> None:
    """Runs MLflow's server until Ctrl-C or SIGTERM; ``running`` tells its address meanwhile.

    Args:
      workspace: whose runs it shows.
      store_uri: the database, such as ``sqlite:////folder/mlflow.db``; created if missing.
      host: address of this machine to listen on.
      port: to listen on; another that is free where it is taken.
      on_ready: told the server's URL as soon as it answers.

    Raises:
      TrackingError: it did not start, or ended by itself.
      InputError: the address is not one of this machine.
    """
    url = f"http://{host}:{_free_port(host, port)}"
    log = workspace.log("ui")
    with suppress(KeyboardInterrupt), termination_as_interrupt():
        with _server(workspace, store_uri, url, log) as server:
            _wait_until_healthy(server, url, log)
            with _noted(workspace, url):
                on_ready(url)
                server.wait()
        raise _ended(log)


def running(workspace: Workspace) -> str | None:
    """The URL of the server that ``serve`` runs on this workspace now; none where none does."""
    note = _note(workspace)
    if not note.is_file():
        return None
    url = note.read_text()
    return url if _is_healthy(url) else None  # a killed one could not take its note away


@contextmanager
def _server(
    workspace: Workspace, store_uri: str, url: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server in a process group of its own, for it starts a process itself."""
    artifacts = workspace.tracking / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    address = urlsplit(url)
    command = [sys.executable, "-m", "mlflow", "server", "--workers=1"]
    command += [f"--host={address.hostname}", f"--port={address.port}"]
    command += ["--no-serve-artifacts", f"--default-artifact-root={artifacts.absolute().as_uri()}"]
    environment = {
        **os.environ,
        # Not as options: an address may hold a password, and all users see a command line.
        "MLFLOW_BACKEND_STORE_URI": store_uri,
        "MLFLOW_REGISTRY_STORE_URI": store_uri,
        # Its jobs judge the answers of language models, in processes that nothing here needs.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield server
    finally:
        _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    try:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=10)
    finally:  # also on a second Ctrl-C
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_until_healthy(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not _is_healthy(url):
        if server.poll() is not None:
            raise _ended(log)
        if time.monotonic() > deadline:
            raise TrackingError(f"MLflow's server did not answer within {_PATIENCE} s; see {log}")
        time.sleep(0.1)


def _is_healthy(url: str) -> bool:
    try:
        with _direct.open(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:  # URLError and time-outs are such
        return False


def _ended(log: Path) -> TrackingError:
    lines = masked_text(log.read_text(errors="replace")).splitlines()
    return TrackingError("\n".join([f"MLflow's server ended, see {log}:", *lines[-10:]]))


@contextmanager
def _noted(workspace: Workspace, url: str) -> Iterator[None]:
    note = _note(workspace)
    with written_atomically(note) as temporary:
        temporary.write_text(url)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _note(workspace: Workspace) -> Path:
    return workspace.root / "ui.url"


def _free_port(host: str, wanted: int) -> int:
    """The wanted port, or any other where something listens on it."""
    with socket.socket() as probe:
        # As the server will: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and wanted:
                return _free_port(host, 0)
            raise InputError(
                "--port",
                expected="a port of this machine that the server may listen on",
                received=f"{host}:{wanted} ({error.strerror})",
                write="--port 5000",
            ) from error
        return int(probe.getsockname()[1])
