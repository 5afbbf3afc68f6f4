"""How a server leaves its port to the one that replaces it, so that no connection is lost.

Where several sockets share a port, Linux chooses one for each new connection; when a socket is
closed, it resets those that wait there to be accepted. A program in the kernel can choose instead:
here, one that names the place of a socket among those of the port, by age.
"""

import asyncio
import ctypes
import ipaddress
import socket
import struct
import sys
from contextlib import suppress

from huberflow.pipeline.deploy.slots import Listener

_ATTACH, _DETACH = 51, 68
"""SO_ATTACH_REUSEPORT_CBPF and SO_DETACH_REUSEPORT_BPF of Linux."""

_RETURN = 0x06
"""BPF_RET | BPF_K, the instruction that returns a constant."""

_BEGUN = 0.2
"""Seconds for connections that have begun already, of a client far away too."""

_PROBE = 0.1
"""Seconds at most for a connection to oneself."""


def take_over(listener: Listener) -> None:
    """Lets Linux choose among the sockets again, whatever an earlier server has left."""
    if sys.platform == "linux":
        with suppress(OSError):  # nothing was left
            listener.setsockopt(socket.SOL_SOCKET, _DETACH, 0)


async def give_way(listener: Listener) -> None:
    """Leaves new connections to another socket of the port, and waits for those that have begun.

    Nothing is lost where no other one has the port: then this one still gets them.

    Args:
      listener: whose connections the event loop accepts.
    """
    if sys.platform != "linux" or not listener.is_alone:
        return
    try:
        _choose(listener, 0)
        if await _is_chosen(listener):
            _choose(listener, 1)
    except OSError:  # a kernel that does not allow it
        return
    await asyncio.sleep(_BEGUN)


def _choose(listener: Listener, place: int) -> None:
    """Gives new connections to the socket in this place; where there is none, Linux chooses."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, place))
    value = struct.pack("HP", 1, ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, _ATTACH, value)


async def _is_chosen(listener: Listener) -> bool:
    """Whether a new connection comes to this socket."""
    host, port, *_ = listener.getsockname()
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if listener.family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(listener.family, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        probe.bind((host, 0))
        address = probe.getsockname()
        listener.probes.add(address)
        loop = asyncio.get_running_loop()
        end = loop.time() + _PROBE
        await loop.sock_connect(probe, (host, port))
        while address in listener.probes and loop.time() < end:
            await asyncio.sleep(0.005)
        is_chosen = address not in listener.probes
        listener.probes.discard(address)
    return is_chosen
