"""Connections that are bounded in number and in time, so that no client can keep the others out.

uvicorn bounds requests, but not the time that a client takes to begin one; asyncio accepts
connections until no file can be opened, and then writes thousands of lines to the log.
"""

import asyncio
import logging
import resource
import socket
import time
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEAD_PATIENCE = 10.0
"""Seconds that a client may take to send the head of a request."""

ANSWER_PATIENCE = 60.0
"""Seconds that a client may take to receive an answer."""

_MOST_CONNECTIONS = 2048

_OTHER_FILES = 64
"""Files that stay free: each connection is one of those that the process may open."""


class Slots:
    """The connections that a server may have open, as ``most``.

    One more takes the place of the one that has waited longest for a request to begin. There
    always is one if the requests that are read or answered are ``most_requests``.
    """

    def __init__(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = min(_MOST_CONNECTIONS, files // 2)
        self.most_requests = self.most - max(self.most // 8, 1)
        self.waiting: dict[BoundedConnection, None] = {}
        """Those between two requests, the longest first."""

    def make_room(self, count: int) -> None:
        """Closes a connection where there are too many."""
        if count > self.most and self.waiting:
            next(iter(self.waiting)).abort()


class BoundedConnection(H11Protocol):
    """A connection that ends where its client does not send a head, or take an answer, in time.

    Args:
      slots: those of the server.
      config: see uvicorn, as the others.
      server_state: the server's connections and tasks.
      app_state: empty.
      _loop: the server's.
    """

    def __init__(
        self,
        slots: Slots,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._slots = slots
        self._head: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a slot."""
        super().connection_made(transport)
        # So that every delay of an answer is known. With 0, one of TLS would never go on.
        transport.set_write_buffer_limits(high=1)
        self._expect_head()
        self._note()
        self._slots.make_room(len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """Leaves the slot."""
        self._slots.waiting.pop(self, None)
        for timer in (self._head, self._answer):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Gives a head, or a body that nobody reads, its time from the first byte."""
        super().data_received(data)
        if self._is_waiting and self._head is None:
            self._expect_head()

    def handle_events(self) -> None:
        """Notes whether a request began."""
        super().handle_events()
        self._note()

    def on_response_complete(self) -> None:
        """Notes that the connection waits for another request."""
        super().on_response_complete()
        self._note()

    def pause_writing(self) -> None:
        """Gives the client its time to take the answer."""
        super().pause_writing()
        if self._answer is None:
            self._answer = self.loop.call_later(ANSWER_PATIENCE, self.abort)

    def resume_writing(self) -> None:
        """Notes that the answer was taken."""
        super().resume_writing()
        if self._answer:
            self._answer.cancel()
            self._answer = None

    def abort(self) -> None:
        """Closes the connection at once."""
        self._slots.waiting.pop(self, None)
        self.transport.abort()

    @property
    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head = self.loop.call_later(HEAD_PATIENCE, self.abort)

    def _note(self) -> None:
        if self._is_waiting:
            self._slots.waiting.setdefault(self)
            return
        self._slots.waiting.pop(self, None)
        if self._head:
            self._head.cancel()
            self._head = None


class BoundedLoop(asyncio.SelectorEventLoop):
    """An event loop that gives a client as much time to begin an encryption as to send a head."""

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        """See asyncio."""
        if options.get("ssl"):
            options["ssl_handshake_timeout"] = HEAD_PATIENCE
        return await super().create_server(*args, **options)


class Listener(socket.socket):
    """A listening socket that leaves the process some files to open.

    Connections that are not encrypted yet count as well, which no slot knows.
    """

    def accept(self) -> tuple[socket.socket, object]:
        """A connection; one too many is closed, which asyncio takes for one that its client left.

        Raises:
          ConnectionAbortedError: it was closed.
        """
        connection, address = super().accept()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if connection.fileno() >= files - _OTHER_FILES:  # the lowest number that is free
            connection.close()
            raise ConnectionAbortedError
        return connection, address


class OnePerSecond(logging.Filter):
    """Lets a record of its loggers pass each second, with the number of those that it left out."""

    def __init__(self) -> None:
        super().__init__()
        self._next, self._left_out = 0.0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg = f"{record.getMessage()} (and {self._left_out:,} records before it)"
            record.args = None
        self._next, self._left_out = now + 1, 0
        return True
