"""Runs MLflow's UI on a workspace's database, for this machine alone."""

import errno
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.lock_watch import locked_by
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.interruption import termination_as_interrupt
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.system.private_files import only_for_owner
from huberflow.pipeline.tracking.tracker import TrackingError
from huberflow.pipeline.tracking.workspace_database import follow_move, way_out

_HOST = "127.0.0.1"
_PATIENCE = 120
"""Seconds that MLflow may take to start; on a slow machine its imports take half a minute."""

# Without this, a proxy named in the environment would be asked for pages of this machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def serve(
    workspace: Workspace,
    store_uri: str,
    artifacts: Path,
    *,
    port: int = 5000,
    on_ready: Callable[[str], None],
) -> None:
    """Runs MLflow's server until Ctrl-C or SIGTERM; meanwhile ``running`` returns its URL.

    Args:
      workspace: the workspace with the runs; the server's log goes there.
      store_uri: the database, such as ``sqlite:////folder/mlflow.db``; created if missing.
      artifacts: the folder for artifacts of experiments that others create on this server.
      port: the port to listen on; a free one is taken where it is in use.
      on_ready: called with the server's URL as soon as it answers.

    Raises:
      TrackingError: it did not start, or ended by itself.
      InputError: the port cannot be used.
    """
    _follow_move(workspace.tracking / "mlflow.db")
    port = _free_port(port)
    url, url_file = f"http://{_HOST}:{port}", _url_file(workspace)
    log = workspace.log("ui")
    with suppress(KeyboardInterrupt), termination_as_interrupt():
        with _server(store_uri, artifacts, port, log) as server:
            _wait_until_healthy(server, url, log)
            try:
                with written_atomically(url_file) as temporary:
                    temporary.write_text(url)
                on_ready(url)
                server.wait()
            finally:
                url_file.unlink(missing_ok=True)
        raise _ended_error(log)


def _follow_move(database: Path) -> None:
    try:
        follow_move(database)
    except sqlite3.OperationalError as error:
        is_locked = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
        cause = f"locked by {locked_by(database)}" if is_locked else error
        raise TrackingError(f"{database}: {cause}") from error
    except sqlite3.DatabaseError as error:
        raise TrackingError(f"{database}: {error}; write: {way_out(database)}") from error


def running(workspace: Workspace) -> str | None:
    """The URL of the server that ``serve`` runs on this workspace now, if there is one."""
    path = _url_file(workspace)
    if not path.is_file():
        return None
    url = path.read_text()
    return url if _is_healthy(url) else None  # a killed server leaves its file behind


@contextmanager
def _server(
    store_uri: str, artifacts: Path, port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server, in its own process group because it starts processes itself."""
    artifacts.parent.mkdir(0o700, parents=True, exist_ok=True)
    artifacts.mkdir(exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--workers=1"]
    command += [f"--host={_HOST}", f"--port={port}"]
    command += ["--no-serve-artifacts", f"--default-artifact-root={artifacts.absolute().as_uri()}"]
    environment = {
        **os.environ,
        # Not as options: an address may contain a password, and all users see a command line.
        "MLFLOW_BACKEND_STORE_URI": store_uri,
        "MLFLOW_REGISTRY_STORE_URI": store_uri,
        # Its jobs evaluate language models, in processes that are not needed here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with open(log, "wb", opener=only_for_owner) as output:
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
            raise _ended_error(log)
        if time.monotonic() > deadline:
            raise TrackingError(f"MLflow's server did not answer within {_PATIENCE} s; see {log}")
        time.sleep(0.1)


def _is_healthy(url: str) -> bool:
    try:
        with _direct.open(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:  # URLError and time-outs are such
        return False


def _ended_error(log: Path) -> TrackingError:
    lines = masked_text(log.read_text(errors="replace")).splitlines()
    return TrackingError("\n".join([f"MLflow's server ended, see {log}:", *lines[-10:]]))


def _url_file(workspace: Workspace) -> Path:
    return workspace.root / "ui.url"


def _free_port(wanted: int) -> int:
    """The wanted port, or a free one where something listens on it."""
    with socket.socket() as probe:
        # Like the server itself: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, wanted))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and wanted:
                return _free_port(0)
            raise InputError(
                "--port",
                expected="a port that the server may listen on",
                received=f"{wanted} ({error.strerror})",
                write="--port 5000",
            ) from error
        return int(probe.getsockname()[1])
