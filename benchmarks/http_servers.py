"""Starts HTTP servers as processes, and sends requests to them."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from huberflow.custom_objects.json_record import JSON

PATIENCE = 180.0
"""Seconds that a server may take to be ready."""


class Server:
    """A server on a port of this machine; each thread has its own connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._thread = threading.local()

    def ask(self, body: JSON) -> list[Any]:
        """The predictions for a request body."""
        return json.loads(self.answer(json.dumps(body).encode()))["predictions"]

    def answer(self, body: bytes) -> bytes:
        """The response to ``POST /invocations``.

        Raises:
          click.ClickException: the request failed.
        """
        status, content = self._exchange("POST", "/invocations", body)
        if status != 200:
            raise click.ClickException(f"a request failed: {content.decode(errors='replace')}")
        return content

    def answers(self, page: str) -> bool:
        """Whether a page answers with 200."""
        try:
            return self._exchange("GET", page, b"")[0] == 200
        except OSError:
            return False

    def _exchange(self, method: str, page: str, body: bytes) -> tuple[int, bytes]:
        if not hasattr(self._thread, "connection"):
            self._thread.connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=60
            )
        connection = self._thread.connection
        try:
            connection.request(method, page, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            connection.close()
            raise


@contextmanager
def running(command: Sequence[str], port: int, page: str, log: Path) -> Iterator[Server]:
    """Starts a server, waits until ``page`` answers, and stops it after the block.

    Raises:
      click.ClickException: it was not ready in time, or ended before the block did; with
        its last lines.
    """
    # MLflow looks for `uvicorn` on the PATH.
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, "PATH": programs},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        server, deadline = Server(port), time.monotonic() + PATIENCE
        while not server.answers(page):
            if process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(f"{command[0]} does not serve:\n{_last_lines(log)}")
            time.sleep(0.2)
        yield server
        if process.poll() is not None:
            code = process.returncode
            message = f"{command[0]} ended while it was asked, with exit code {code}:"
            raise click.ClickException(f"{message}\n{_last_lines(log)}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
