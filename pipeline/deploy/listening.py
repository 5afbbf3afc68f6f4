"""The port of a server, which it may share with the one that it replaces."""

import errno
import socket

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.slots import Listener


def bind_port(host: str, port: int, *, shared: bool) -> Listener:
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
