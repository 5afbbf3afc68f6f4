"""What the tool does beside a run: fills the disk, locks databases, plays the tracker."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mlflow_servers import free_port

from faults.draw import Point
from faults.injector import Plan
from faults.place import Place

PATIENCE = 8
"""Seconds that a run waits for these trackers at its end."""

LONGEST_LOCK = 12.0

LIES = (
    (200, "text/html", b"<html><body>Please log in</body></html>"),
    (200, "application/json", b"{}"),
    (200, "application/json", b'{"run": {"info": {"run_id": '),
    (200, "application/json", b'{"experiment": {"experiment_id": null}, "runs": [null]}'),
    (200, "application/json", b"\xff\xfe not text"),
    (204, "application/json", b""),
    (302, "text/html", b""),
    (404, "application/json", b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}'),
    (500, "text/plain", b"Internal Server Error\n" * 1000),
    (507, "application/json", b'{"error_code": "INTERNAL_ERROR", "message": "the disk is full"}'),
)


@dataclass
class Beside:
    """What a run gets from its surroundings."""

    settings: list[str] = field(default_factory=list)
    network: bool = True
    is_undelivered: bool = False
    """Whether the tracker gets nothing of the run."""
    at_pause: Callable[[int, Plan], None] = lambda process, plan: plan.resume()
    """Called with the number of the paused process; lets it go on."""


@contextmanager
def beside(point: Point, place: Place) -> Iterator[Beside]:
    """The surroundings of a run that this fault strikes."""
    name = point.fault.surrounding
    with _SURROUNDINGS[name](point, place) if name else _nothing() as found:
        yield found


@contextmanager
def _nothing() -> Iterator[Beside]:
    yield Beside()


@contextmanager
def _terminated(point: Point, place: Place) -> Iterator[Beside]:
    def terminate(process: int, plan: Plan) -> None:
        os.kill(process, signal.SIGTERM)
        plan.resume()

    yield Beside(at_pause=terminate)


@contextmanager
def _full(point: Point, place: Place) -> Iterator[Beside]:
    """A disk with no page left, or with a few."""
    left = int(point.amount * 8) * 4096

    def fill(process: int, plan: Plan) -> None:
        place.fill(left)
        plan.resume()

    yield Beside(at_pause=fill)
    place.ballast.unlink(missing_ok=True)


@contextmanager
def _locked(database: Path, seconds: float) -> Iterator[Beside]:
    """A database that another program has locked for a while."""
    ended = threading.Event()

    def lock() -> None:
        while not ended.is_set() and not (database.exists() and database.stat().st_size):
            time.sleep(0.05)
        if not ended.is_set():
            with closing(sqlite3.connect(database, 60, isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                ended.wait(seconds)

    thread = threading.Thread(target=lock)

    def start(process: int, plan: Plan) -> None:
        thread.start()
        plan.resume()

    yield Beside(at_pause=start)
    ended.set()
    if thread.ident:
        thread.join()


def _metadata_locked(point: Point, place: Place):
    return _locked(place.workspace.metadata, point.amount * LONGEST_LOCK)


def _mlflow_locked(point: Point, place: Place):
    return _locked(place.workspace.tracking / "mlflow.db", point.amount * LONGEST_LOCK)


@contextmanager
def _no_network(point: Point, place: Place) -> Iterator[Beside]:
    yield Beside(network=False)


def _tracker_at(address: str) -> Beside:
    settings = [f"tracking.uri={address}", f"tracking.patience={PATIENCE}"]
    return Beside(settings, is_undelivered=True)


@contextmanager
def _tracker_gone(point: Point, place: Place) -> Iterator[Beside]:
    yield _tracker_at(f"http://127.0.0.1:{free_port()}")


@contextmanager
def _tracker_slow(point: Point, place: Place) -> Iterator[Beside]:
    """A server that answers after a while with an error, or never."""
    if point.amount < 0.3:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            yield _tracker_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        return
    with _server(lambda: (503, "text/plain", b"busy"), delay=point.amount * 6) as address:
        yield _tracker_at(address)


@contextmanager
def _tracker_lies(point: Point, place: Place) -> Iterator[Beside]:
    lie = LIES[int(point.amount * len(LIES))]
    with _server(lambda: lie) as address:
        yield _tracker_at(address)


@contextmanager
def _server(answer: Callable[[], tuple[int, str, bytes]], delay: float = 0.0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, kind, body = answer()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if code == 302:
                self.send_header("Location", self.path)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


_SURROUNDINGS = {
    "terminated": _terminated,
    "full": _full,
    "metadata_locked": _metadata_locked,
    "mlflow_locked": _mlflow_locked,
    "no_network": _no_network,
    "tracker_gone": _tracker_gone,
    "tracker_slow": _tracker_slow,
    "tracker_lies": _tracker_lies,
}
