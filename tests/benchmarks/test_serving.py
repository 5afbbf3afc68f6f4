"""How the benchmark of `huberflow serve` measures, against a server that is quick to start."""

import json
import sys
import textwrap
import time
from contextlib import suppress

import click
import pytest

from benchmarks import serving
from benchmarks.http_servers import free_port, running
from benchmarks.serving import Side

ECHO = textwrap.dedent(
    """
    import http.server, sys

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(200, b"")

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(400 if b"bad" in body else 200, body)

        def reply(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", len(body))
            self.end_headers()
            self.wfile.write(body)

    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    """
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    port = free_port()
    command = [sys.executable, "-c", ECHO, str(port)]
    with running(command, port, "/ping", tmp_path_factory.mktemp("log") / "log") as server:
        yield server


def test_times_are_of_one_request_and_of_all(server, monkeypatch):
    assert server.ask({"predictions": [1.5]}) == [1.5]
    monkeypatch.setattr(serving, "REQUESTS", 8)
    asked = []
    answer = server.answer
    monkeypatch.setattr(
        server, "answer", lambda body: asked.append(json.loads(body)) or answer(body)
    )
    side = Side(server, one=[1], all=[1, 2])
    assert 0 < side.one_row() < 10
    assert 0 < side.many_rows() < 10
    assert asked == [[1]] * 8 + [[1, 2]] * 8


def test_a_refused_request_is_no_time(server):
    with pytest.raises(click.ClickException, match=r"a request failed: .*bad"):
        Side(server, one="bad", all="bad").one_row()


def test_a_server_that_does_not_start_is_quoted(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no model')"]
    with (
        pytest.raises(click.ClickException, match="does not serve:\nno model"),
        running(command, free_port(), "/ping", tmp_path / "log"),
    ):
        pass


def test_a_server_that_ends_under_load_is_quoted(tmp_path):
    port = free_port()
    ending = ECHO.replace("body = ", "__import__('os')._exit(7)  # ")
    command = [sys.executable, "-c", ending, str(port)]

    def ask():
        with running(command, port, "/ping", tmp_path / "log") as server:
            with suppress(OSError):
                server.answer(b"")
            time.sleep(1)

    with pytest.raises(click.ClickException, match="ended while it was asked, with exit code 7"):
        ask()
