"""Servers in processes of their own, and requests to them."""

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

PATIENCE = 180.0
"""Seconds that a server may take to be ready."""


class Server:
    """Answers at a port of this machine; each thread keeps a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._mine = threading.local()

    def ask(self, body: Any) -> Any:
        """The predictions for a body that is plain JSON."""
        return json.loads(self.answer(json.dumps(body).encode()))["predictions"]

    def answer(self, body: bytes) -> bytes:
        """To ``POST /invocations``, read whole.

        Raises:
          click.ClickException: it is a refusal.
        """
        status, content = self._exchange("POST", "/invocations", body)
        if status != 200:
            raise click.ClickException(f"a request failed: {content.decode(errors='replace')}")
        return content

    def answers(self, page: str) -> bool:
        """Whether a page is there."""
        try:
            return self._exchange("GET", page, b"")[0] == 200
        except OSError:
            return False

    def _exchange(self, method: str, page: str, body: bytes) -> tuple[int, bytes]:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection = self._mine.connection
        try:
            connection.request(method, page, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            connection.close()
            raise


@contextmanager
def running(command: Sequence[str], port: int, page: str, log: Path) -> Iterator[Server]:
    """A server that is ready, which is when ``page`` answers.

    Raises:
      click.ClickException: it ended, or was not ready in time; its last words are shown.
    """
    # MLflow starts `uvicorn` by that name.
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
                last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
                raise click.ClickException(f"{command[0]} does not serve:\n{last}")
            time.sleep(0.2)
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def free_port() -> int:
    """One that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
