"""Connections that are bounded in number and in time, so that no client can keep the others out.

uvicorn bounds requests, but not the time that a client takes to begin one; asyncio accepts
connections until no file can be opened, and then writes thousands of lines to the log.
"""

import asyncio
import logging
import time
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from huberflow.pipeline.deploy.slots import Slots

HEAD_PATIENCE = 10.0
"""Seconds that a client may take to send the head of a request."""

ANSWER_PATIENCE = 60.0
"""Seconds that a client may take to receive an answer."""

CLOSE_PATIENCE = 1.0
"""Seconds that an idle client may take to close its side, once the server ends."""


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
        """Waits for a request."""
        super().connection_made(transport)
        # So that every delay of an answer is known. With 0, one of TLS would never go on.
        transport.set_write_buffer_limits(high=1)
        self._socket = self._slots.taken[transport.get_extra_info("socket").fileno()]
        self._socket.abort = transport.abort
        self._expect_head()
        self._note()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
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
            self._answer = self.loop.call_later(ANSWER_PATIENCE, self.transport.abort)

    def resume_writing(self) -> None:
        """Notes that the answer was taken."""
        super().resume_writing()
        if self._answer:
            self._answer.cancel()
            self._answer = None

    def shutdown(self) -> None:
        """Ends an idle connection, also if its client does not confirm the end of an encryption."""
        if not self.transport.is_closing():  # a second close would disable the abort of TLS
            super().shutdown()
        if self._is_waiting:
            self.loop.call_later(CLOSE_PATIENCE, self.transport.abort)

    @property
    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head = self.loop.call_later(HEAD_PATIENCE, self.transport.abort)

    def _note(self) -> None:
        if self._is_waiting:
            self._socket.wait()
            return
        self._socket.serve()
        if self._head:
            self._head.cancel()
            self._head = None


class BoundedLoop(asyncio.SelectorEventLoop):
    """An event loop that gives a client as much time to begin an encryption as to send a head.

    It accepts one connection in each turn, so that it reads a request before the connection would
    have to make room for others.
    """

    async def create_server(self, *args: Any, **options: Any) -> asyncio.Server:
        """See asyncio."""
        options["backlog"] = 1
        if options.get("ssl"):
            options["ssl_handshake_timeout"] = HEAD_PATIENCE
        return await super().create_server(*args, **options)


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
