"""Serves an exported model over HTTP, after a check that it is the one that was trained."""

import asyncio
import errno
import gc
import json
import logging
import shlex
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import uvicorn
from starlette.types import ASGIApp

from huberflow.components.bundle import clean_process, reload
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.application import (
    ReplaceableApp,
    ServedModel,
    serving_app,
    waiting_app,
)
from huberflow.pipeline.deploy.connections import (
    BoundedConnection,
    Listener,
    OnePerSecond,
    Slots,
)
from huberflow.pipeline.deploy.ending import GRACE, ending_within

_WARM_UP = (1, 256)
"""Rows of a small and a large request; the first of each size takes longer than the next."""

_WAIT = 0.5
"""Seconds: a signal that one of TensorFlow's threads receives does not wake the waiting one."""

_PARTING = 2.0
"""Seconds at most for clients with open connections to learn, by an answer, that these close."""

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open; load balancers close theirs after 60."""

_LEAVING = 0.5
"""Seconds, of these, for what comes after the last answer."""


_LOGGERS = ("uvicorn.error", "asyncio")
"""Any client can make these write, as often as it likes."""


class ServerError(Exception):
    """The server ended by itself."""


def serve(
    bundle: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    device: str | None = None,
    share_port: bool = False,
    grace: float = GRACE,
    allow_ops: Collection[str] = (),
    on_ready: Callable[[str, str], None],
) -> None:
    """Checks the model, and answers until Ctrl-C or SIGTERM, requests on their way included.

    ``/health`` answers 200 at once, ``/ready`` once the model is checked and warm. A server that
    shares its port takes connections only then; until then the one that it replaces has them.

    Args:
      bundle: the exported model.
      host: address of this machine to listen on.
      port: 0 for any that is free.
      device: "cpu" or "gpu", where it must run; None for TensorFlow's choice.
      share_port: listen beside another server of this user on this port.
      grace: seconds for the requests on their way; then the process ends, whatever it computes.
      allow_ops: ops of the model that may do more than compute.
      on_ready: gets the server's URL, and a body for its ``/invocations``.

    Raises:
      InputError: the port is taken, or the address is not one of this machine.
      ReloadError: the bundle is not as it was written, or this machine cannot run it.
      CheckError: a value is further off than the certificate allows.
      ServerError: the server ended by itself.
    """
    app, slots = ReplaceableApp(waiting_app()), Slots()
    with (
        suppress(KeyboardInterrupt),
        ending_within(grace),
        closing(bind_port(host, port, shared=share_port)) as listener,
    ):
        if share_port:
            body = _load(app, bundle, device, allow_ops, slots.most_requests)
        with running_server(app, listener, slots, grace) as ended:
            if not share_port:
                body = _load(app, bundle, device, allow_ops, slots.most_requests)
            address = f"[{host}]" if ":" in host else host
            on_ready(f"http://{address}:{listener.getsockname()[1]}", body)
            while not ended.wait(_WAIT):
                pass
            raise ServerError("the server ended by itself; its log says why")


def curl(url: str, body: str) -> str:
    """A command that asks the server for a prediction."""
    return f"curl {url}/invocations -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _load(
    app: ReplaceableApp,
    bundle: Path,
    device: str | None,
    allow_ops: Collection[str],
    most_requests: int,
) -> str:
    """Replaces the app by the model's, once that is checked and warm; a body for a request."""
    reload.verify(bundle)  # before the seconds that the imports take
    clean_process.prepare()
    import tensorflow as tf

    from huberflow.pipeline.deploy.scorer import Scorer

    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.list_physical_devices("GPU"):
        # All of its memory otherwise, and none for the server that replaces this one.
        tf.config.experimental.set_memory_growth(gpu, True)
    report = clean_process.check_bundle(bundle, device, allow_ops)
    scorer = Scorer(bundle, allow_ops)
    rows = scorer.golden_rows()
    for count in _WARM_UP:
        scorer.predict(rows.iloc[np.arange(count) % len(rows)])
    model = ServedModel(str(bundle), bundle.name, scorer.certificate, report["device"])
    gc.freeze()  # Python would look through all of TensorFlow every few requests.
    app.current = serving_app(scorer, model, most_requests)
    row = rows.iloc[0].dropna().to_dict()
    return json.dumps({"dataframe_records": [row]})


def bind_port(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket that has the port, and does not listen yet.

    Args:
      host: address of this machine.
      port: 0 for any that is free.
      shared: take the port even if another huberflow server of this user listens on it; each then
        gets some of the connections.

    Raises:
      InputError: the port is taken, or the address is not one of this machine.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        # With the protocol: else asyncio sends no answer before the client confirms its head.
        listener = Listener(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
        listener.bind(address)
        # Only now: set before, it would let two servers start that do not expect each other.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        if listener is not None:
            listener.close()
        if error.errno != errno.EADDRINUSE:
            reason = f"{host} ({error.strerror})"
            expected = "an address of this machine"
            raise InputError("--host", expected=expected, received=reason) from error
        server = "a server that does not share it" if shared else "another server"
        hint = "to take over from a running `huberflow serve`, add --share-port"
        raise InputError(
            "--port",
            expected="a free port",
            received=f"{port}, taken by {server}",
            hint=None if shared else hint,
            write=f"--port {port + 1}",
        ) from error
    return listener


@contextmanager
def running_server(
    application: ASGIApp, listener: socket.socket, slots: Slots, grace: float = GRACE
) -> Iterator[threading.Event]:
    """Serves while the block runs; at its end, answers every request that has arrived.

    Args:
      application: answers.
      listener: of ``bind_port``.
      slots: bounds the connections.
      grace: seconds for the last answers; the requests that are left get a 503.

    Yields:
      An event that is set if the server ends by itself.
    """
    parting = min(_PARTING, grace / 4)
    config = uvicorn.Config(
        application,
        http=cast(type[asyncio.Protocol], partial(BoundedConnection, slots)),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=cast(int, max(grace - parting - _LEAVING, 0)),
    )
    server = _Server(config, parting)
    ended = threading.Event()

    def run() -> None:
        try:
            server.run([listener])
        finally:
            ended.set()

    listener.listen(config.backlog)
    thread = threading.Thread(target=run, name="http")
    thread.start()
    quiet = OnePerSecond()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(quiet)
    try:
        # Not the thread: a signal that interrupts a join makes Python take it for ended.
        yield ended
    finally:
        server.should_exit = True
        thread.join()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(quiet)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, parting: float) -> None:
        super().__init__(config)
        self._parting = parting

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes a connection only after an answer has announced it to the client."""
        self.server_state.default_headers = [
            *self.server_state.default_headers,
            (b"connection", b"close"),
        ]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._parting
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
