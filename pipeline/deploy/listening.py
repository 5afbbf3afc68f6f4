"""A port of this machine, and an HTTP server on it."""

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from huberflow.custom_objects.input_error import InputError

_PARTING = 2.0
"""Seconds for clients with open connections to learn, by an answer, that these are closing."""

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open; load balancers close theirs after 60."""

_LAST_ANSWERS = 30
"""Seconds, after these, for answers that are being computed."""


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
        listener = socket.socket(family, kind, protocol)
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
        raise _taken(port, shared) from error
    return listener


def _taken(port: int, shared: bool) -> InputError:
    return InputError(
        "--port",
        expected="a free port",
        received=f"{port}, taken by "
        + ("a server that does not share it" if shared else "another server"),
        hint=None if shared else "to take over from a running `huberflow serve`, add --share-port",
        write=f"--port {port + 1}",
    )


@contextmanager
def running_server(application: ASGIApp, listener: socket.socket) -> Iterator[threading.Event]:
    """Serves while the block runs; at its end, answers every request that has arrived.

    Yields:
      An event that is set if the server ends by itself.
    """
    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    server = _Server(config)
    ended = threading.Event()

    def run() -> None:
        try:
            server.run([listener])
        finally:
            ended.set()

    listener.listen(config.backlog)
    thread = threading.Thread(target=run, name="http")
    thread.start()
    try:
        # Not the thread: a signal that interrupts a join makes Python take it for ended.
        yield ended
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
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
        end = loop.time() + _PARTING
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
