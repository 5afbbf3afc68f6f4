"""Several processes that serve one model on one port."""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from socket import socket

from huberflow.components.bundle import clean_process, reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.application import waiting_app
from huberflow.pipeline.deploy.ending import ending_within
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.metrics import SHARED_FOLDER, Metrics, forget_process
from huberflow.pipeline.deploy.server import (
    ServerError,
    Settings,
    guarded,
    running_server,
    serve,
)
from huberflow.pipeline.deploy.slots import Listener

_WAIT = 0.5
"""Seconds between two looks at the workers."""

_LEAVING = 1.0
"""Seconds that the workers have, beyond their grace, before they are killed."""


def serve_by_workers(
    bundle: Path, settings: Settings, count: int, *, on_ready: Callable[[str, str], None]
) -> None:
    """Serves as ``server.serve`` does, by several processes; one that dies is replaced.

    All accept connections from one socket, and each checks the model and loads it. The metrics are
    those of all together.

    Args:
      bundle: the exported model.
      settings: where it listens.
      count: processes.
      on_ready: gets the server's URL, and a body for its ``/invocations``.

    Raises:
      InputError: the port is taken, the address is not one of this machine, or a file is wrong.
      ReloadError: the bundle is not as it was written.
      ServerError: a worker ended before it served.
    """
    with (
        suppress(KeyboardInterrupt),
        ending_within(settings.grace + 2 * _LEAVING),
        closing(bind_port(settings.host, settings.port, shared=settings.share_port)) as listener,
        tempfile.TemporaryDirectory(prefix="huberflow-metrics-") as counts,
    ):
        app = guarded(waiting_app(), Metrics(), settings)
        reload.verify(bundle)
        os.environ[SHARED_FOLDER] = counts
        with _Workers(bundle, settings, listener, count) as workers:
            if settings.share_port:
                url, body = workers.wait_until_ready()
            else:
                listener.listen()
                with running_server(app, listener.dup(), settings):
                    url, body = workers.wait_until_ready()
            on_ready(url, body)
            while True:
                workers.replace_dead()


@dataclass
class _Worker:
    process: SpawnProcess
    news: connection.Connection
    """Gets the URL and a body once it serves."""


class _Workers:
    """Processes that end with the block."""

    def __init__(self, bundle: Path, settings: Settings, listener: socket, count: int) -> None:
        self._bundle, self._settings, self._listener = bundle, settings, listener
        self._workers = [self._started() for _ in range(count)]

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        end = time.monotonic() + self._settings.grace + _LEAVING
        for worker in self._workers:
            worker.process.join(max(end - time.monotonic(), 0))
            worker.process.kill()

    def wait_until_ready(self) -> tuple[str, str]:
        """The news of the workers, once all have some.

        Raises:
          ServerError: one ended before.
        """
        first, *_ = [_news(worker) for worker in self._workers]
        return first

    def replace_dead(self) -> None:
        """Waits a moment for one that ended, and starts another in its place.

        Raises:
          ServerError: it ended before it served.
        """
        connection.wait([worker.process.sentinel for worker in self._workers], _WAIT)
        for place, worker in enumerate(self._workers):
            if worker.process.exitcode is not None:
                if not worker.news.closed:
                    _news(worker)
                print(f"huberflow: replaces {_ended(worker)}", file=sys.stderr, flush=True)
                forget_process(worker.process.pid)
                self._workers[place] = self._started()

    def _started(self) -> _Worker:
        receiver, sender = multiprocessing.Pipe(duplex=False)
        # Only sockets of Python's own class cross to another process.
        shared = socket(fileno=os.dup(self._listener.fileno()))
        with shared, sender:
            process = multiprocessing.get_context("spawn").Process(
                target=_work, args=(self._bundle, self._settings, shared, sender)
            )
            process.start()
        return _Worker(process, receiver)


def _news(worker: _Worker) -> tuple[str, str]:
    try:
        with worker.news:
            url, body = worker.news.recv()
            return url, body
    except EOFError as error:
        worker.process.join()
        raise ServerError(f"{_ended(worker)} before it served; its message is above") from error


def _ended(worker: _Worker) -> str:
    return f"worker {worker.process.pid}, which ended with code {worker.process.exitcode}"


def _work(bundle: Path, settings: Settings, shared: socket, news: connection.Connection) -> None:
    """Serves from a socket, as one of several processes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    listener = Listener(shared.family, shared.type, shared.proto, shared.detach())

    def on_ready(url: str, body: str) -> None:
        news.send((url, body))
        news.close()

    # The socket may have connections already; they wait until the model is loaded.
    alone = replace(settings, share_port=True)
    try:
        serve(bundle, alone, on_ready=on_ready, listener=listener)
    except (InputError, ServerError, reload.ReloadError, clean_process.CheckError) as error:
        print(f"huberflow: {error}", file=sys.stderr, flush=True)
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
