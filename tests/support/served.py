"""A process that serves a model, as a user starts it, and requests to it."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-c", "from huberflow.pipeline.cli.main import main; main()", "serve"]


@contextmanager
def started(bundle: Path, port: int, log: Path, *options: str) -> Iterator[subprocess.Popen]:
    """The process; its errors are in ``log``."""
    command = [*COMMAND, str(bundle), f"--port={port}", f"--workspace={log.parent}", *options]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def announced(process: subprocess.Popen, log: Path) -> list[str]:
    """The two lines that a server prints once it is ready."""
    lines = [process.stdout.readline().strip() for _ in range(2)]
    assert all(lines), log.read_text()
    return lines


def connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=60)


def ask(to: http.client.HTTPConnection, path: str, **body):
    """Status and content of an answer; a body makes it a POST."""
    headers = {"Content-Type": "application/json"}
    content = json.dumps(body) if body else None
    to.request("POST" if body else "GET", path, content, headers if body else {})
    answer = to.getresponse()
    return answer.status, json.loads(answer.read().strip() or "null")


def predictions(answer) -> list[float]:
    return [row["prediction"] for row in answer["predictions"]]
