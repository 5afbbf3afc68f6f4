"""A port of this machine, and an HTTP server on it."""

import asyncio
import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

_PARTING = 2.0
"""Seconds in which clients that keep connections open are told that they end."""

_KEEP_ALIVE = 75
"""Seconds that an idle connection stays open; load balancers end theirs after 60."""

_LAST_ANSWERS = 30
"""Seconds, after these, for answers that are being computed."""


class PortError(Exception):
    """Nothing can be served at this address; the message says why, and what to write."""


def bound(host: str, port: int, *, shared: bool) -> socket.socket:
    """A socket that has the port, and does not listen yet.

    Args:
      host: address of this machine.
      port: 0 for any that is free.
      shared: also where another server listens there, of ours and of this user; each then gets
        some of the connections.

    Raises:
      PortError: the port is taken, or the address is none of this machine's.
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
        # Only now: set before, it would let two servers start that know nothing of each other.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise PortError(_why(host, port, shared, error)) from error
    return listener


def _why(host: str, port: int, shared: bool, error: OSError) -> str:
    if error.errno != errno.EADDRINUSE:
        return f"--host {host}: expected an address of this machine ({error.strerror})"
    if shared:
        return f"port {port}: taken by a server that shares it with none; write: --port {port + 1}"
    return (
        f"port {port}: taken by another server; write: --port {port + 1}, or --share-port to take "
        "over from one that `huberflow serve` runs"
    )


@contextmanager
def answering(application: ASGIApp, listener: socket.socket) -> Iterator[threading.Event]:
    """Serves while the block runs; at its end, every request that came is answered.

    Yields:
      What is set where the server ends by itself.
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
        """Ends no connection in whose next request a client may be: an answer says so first."""
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
