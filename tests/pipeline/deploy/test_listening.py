"""Who gets a port, and for whom it is taken."""

import socket

import pytest

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy.listening import bind_port


@pytest.fixture
def served():
    """A port that a huberflow server listens on."""
    with bind_port("127.0.0.1", 0, shared=False) as listener:
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_named_with_what_to_write(served):
    with pytest.raises(InputError) as refused:
        bind_port("127.0.0.1", served, shared=False)
    assert (refused.value.key, refused.value.write) == ("--port", f"--port {served + 1}")
    assert "--share-port" in refused.value.hint


def test_a_server_that_shares_gets_no_connection_before_it_listens(served):
    with bind_port("127.0.0.1", served, shared=True) as newer:
        newer.setblocking(False)
        for _ in range(50):
            socket.create_connection(("127.0.0.1", served)).close()
        with pytest.raises(OSError):  # noqa: PT011 (the system's words differ)
            newer.accept()


def test_a_server_that_shares_has_the_port_alone_once_the_other_ends():
    with bind_port("127.0.0.1", 0, shared=False) as old:
        old.listen()
        port = old.getsockname()[1]
        with bind_port("127.0.0.1", port, shared=True) as new:
            new.listen()
            old.close()
            with socket.create_connection(("127.0.0.1", port)), new.accept()[0]:
                pass


def test_a_port_of_another_program_cannot_be_shared():
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(InputError) as refused:
            bind_port("127.0.0.1", port, shared=True)
    assert refused.value.received.startswith(f"{port}, ")
    assert refused.value.hint is None


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_of_another_machine_is_refused(host):
    with pytest.raises(InputError) as refused:
        bind_port(host, 0, shared=False)
    assert refused.value.key == "--host"
    assert refused.value.received.startswith(host)


def test_answers_do_not_wait_until_a_client_confirms_their_head():
    # asyncio turns Nagle's algorithm off where it knows the protocol; each answer took 40 ms else.
    with bind_port("127.0.0.1", 0, shared=False) as listener:
        assert listener.proto == socket.IPPROTO_TCP
