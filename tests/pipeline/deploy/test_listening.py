"""Who gets a port, and who is told that it is taken."""

import socket

import pytest

from huberflow.pipeline.deploy.listening import PortError, bound


@pytest.fixture
def served():
    """A port that a server of ours listens on."""
    with bound("127.0.0.1", 0, shared=False) as listener:
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_named_with_what_to_write(served):
    with pytest.raises(PortError, match=rf"port {served}: taken .* --port \d+, or --share-port"):
        bound("127.0.0.1", served, shared=False)


def test_a_server_that_shares_gets_no_connection_before_it_listens(served):
    with bound("127.0.0.1", served, shared=True) as newer:
        newer.setblocking(False)
        for _ in range(50):
            socket.create_connection(("127.0.0.1", served)).close()
        with pytest.raises(OSError):  # noqa: PT011 (the system's words differ)
            newer.accept()


def test_a_server_that_shares_has_the_port_alone_once_the_other_ends():
    with bound("127.0.0.1", 0, shared=False) as old:
        old.listen()
        port = old.getsockname()[1]
        with bound("127.0.0.1", port, shared=True) as new:
            new.listen()
            old.close()
            with socket.create_connection(("127.0.0.1", port)), new.accept()[0]:
                pass


def test_a_port_of_another_program_cannot_be_shared():
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(PortError, match=rf"port {port}: taken by a server that shares it with"):
            bound("127.0.0.1", port, shared=True)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(PortError, match=rf"--host {host}: expected an address of this machine"):
        bound(host, 0, shared=False)


def test_answers_do_not_wait_until_a_client_confirms_their_head():
    # asyncio turns Nagle's algorithm off where it knows the protocol; each answer took 40 ms else.
    with bound("127.0.0.1", 0, shared=False) as listener:
        assert listener.proto == socket.IPPROTO_TCP
