"""A server that replaces another one on its port, under connections without a pause."""

import http.client
import threading
from contextlib import ExitStack

import pytest

from huberflow.pipeline.deploy import succession
from huberflow.pipeline.deploy.application import waiting_app
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.server import Settings, running_server

CLIENTS, REPLACEMENTS = 8, 10


class Clients:
    """Each asks on a new connection, again and again; what it is not answered is an error."""

    def __init__(self, port):
        self.errors, self.answers, self._over = [], 0, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[port]) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, port):
        while not self._over.is_set():
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                client.request("GET", "/health")
                assert client.getresponse().status == 200
                self.answers += 1
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
            finally:
                client.close()


def start(port):
    """A server on the port, and what ends it."""
    listener = bind_port("127.0.0.1", port, shared=port != 0)
    server = ExitStack()
    server.enter_context(listener)
    server.enter_context(running_server(waiting_app(), listener, Settings()))
    return server, listener.getsockname()[1]


def replaced(ended):
    """Servers that replace each other; what the clients were not answered.

    Args:
      ended: of the older server and the newer one, the one that ends.
    """
    current, port = start(0)
    with Clients(port) as clients:
        for _ in range(REPLACEMENTS):
            both = [current, start(port)[0]]
            both.pop(ended).close()
            [current] = both
    current.close()
    assert clients.answers > 100
    return clients.errors


@pytest.mark.parametrize("ended", [0, 1], ids=["older", "newer"])
def test_no_connection_is_lost(ended):
    assert replaced(ended) == []


def test_a_newer_server_gets_connections_again_after_an_earlier_succession():
    first, port = start(0)
    second, _ = start(port)
    second.close()
    third, _ = start(port)
    with Clients(port) as clients:
        first.close()
        asked = clients.answers
        while clients.answers < asked + 10:
            assert not clients.errors
    third.close()


def test_where_the_system_does_not_allow_it_the_server_ends_as_well(monkeypatch):
    monkeypatch.setattr(succession, "_ATTACH", 9999)
    server, _ = start(0)
    server.close()
