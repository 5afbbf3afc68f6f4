"""The sockets of a server, which may have only so many connections open at a time."""

import resource
import socket
from collections.abc import Callable
from contextlib import suppress

_MOST_CONNECTIONS = 2048

_BACKLOG = 2048
"""Connections that wait to be accepted."""

_OTHER_FILES = 64
"""Files that stay free: each connection is one of those that the process may open."""


class Slots:
    """The connections that a server may have open, as ``most``.

    One more takes the place of the one that has waited longest for a request to begin, or for its
    encryption. There always is one if the requests that are read or answered are ``most_requests``.
    """

    def __init__(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.most = min(_MOST_CONNECTIONS, files // 2)
        self.most_requests = self.most - max(self.most // 8, 1)
        self.taken: dict[int, AcceptedSocket] = {}
        """All that are open, by the number of their file."""
        self.waiting: dict[AcceptedSocket, None] = {}
        """Those between two requests, or before the first, the longest first."""

    def make_room(self) -> bool:
        """False where a connection has to end first, whose end this began."""
        if len(self.taken) < self.most or not self.waiting:
            return True
        longest = next(iter(self.waiting))
        del self.waiting[longest]
        longest.abort()
        return False


class AcceptedSocket(socket.socket):
    """A connection, which has a slot from its acceptance to its end.

    Until its encryption has begun, no protocol of asyncio knows of it.

    Args:
      connection: an accepted one, which this takes over.
      slots: those of the server.
    """

    def __init__(self, connection: socket.socket, slots: Slots) -> None:
        family, kind, protocol = connection.family, connection.type, connection.proto
        super().__init__(family, kind, protocol, connection.detach())
        self._slots, self._number = slots, self.fileno()
        self.abort: Callable[[], None] = self._shut_down
        """Begins the end of the connection."""
        slots.taken[self._number] = self
        slots.waiting[self] = None

    def wait(self) -> None:
        """Notes that no request has begun."""
        if self.fileno() == self._number:  # not closed in the meantime
            self._slots.waiting.setdefault(self)

    def serve(self) -> None:
        """Notes that a request has begun."""
        self._slots.waiting.pop(self, None)

    def close(self) -> None:
        """Leaves the slot, too."""
        if self.fileno() == self._number:
            del self._slots.taken[self._number]
            self.serve()
        super().close()

    def _shut_down(self) -> None:
        """Makes asyncio close the socket, which takes this for the client's end."""
        with suppress(OSError):  # the client was faster
            self.shutdown(socket.SHUT_RDWR)


class Listener(socket.socket):
    """A listening socket whose connections each take a slot, and leave the process some files."""

    def __init__(
        self, family: int = -1, kind: int = -1, protocol: int = -1, fileno: int | None = None
    ) -> None:
        super().__init__(family, kind, protocol, fileno)
        self.slots = Slots()
        self.is_alone = fileno is None
        """Whether no other process has a copy of it."""
        self.probes: set[object] = set()
        """Addresses from which this process itself connects, until such a connection is here."""

    def listen(self, _: int = _BACKLOG) -> None:
        """Lets connections wait, however few asyncio accepts at once, which is what it asks for."""
        super().listen(_BACKLOG)

    def accept(self) -> tuple[socket.socket, object]:
        """A connection.

        Raises:
          BlockingIOError: another has to end first; asyncio tries again at once.
          ConnectionAbortedError: this one was closed, for the process has too many files open.
        """
        if not self.slots.make_room():
            raise BlockingIOError
        connection, address = super().accept()
        self.probes.discard(address)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if connection.fileno() >= files - _OTHER_FILES:  # the lowest number that is free
            connection.close()
            raise ConnectionAbortedError
        return AcceptedSocket(connection, self.slots), address
