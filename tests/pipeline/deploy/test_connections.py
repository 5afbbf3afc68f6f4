"""No client can keep the others out, or the server from its end."""

import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

import pytest

from huberflow.pipeline.deploy import application, connections, intake
from huberflow.pipeline.deploy.connections import Slots
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.server import Settings, running_server

HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
MODEL = application.ServedModel("bundle", "1", "c0ffee", "CPU:0")


class Waiting:
    """A model that takes as long as a test wants."""

    columns, outputs = ["miles"], ["prediction"]

    def __init__(self):
        self.asked, self.go_on = threading.Event(), threading.Event()

    def predict(self, table):
        self.asked.set()
        assert self.go_on.wait(30)
        return table.rename(columns={"miles": "prediction"})


@contextmanager
def serving(app, most=16, **options):
    slots = Slots()
    slots.most, slots.most_requests = most, most - 2
    with (
        closing(bind_port("127.0.0.1", 0, shared=False)) as listener,
        running_server(app, listener, slots, Settings(**options)),
    ):
        yield listener.getsockname()[1]


@pytest.fixture
def port():
    with serving(application.waiting_app()) as port:
        yield port


def opened(port, content=b""):
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(content)
    return client


def health(port):
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as client:
        client.request("GET", "/health")
        return client.getresponse().status


def send_slowly(client, content):
    for letter in content:
        client.sendall(bytes([letter]))
        time.sleep(0.05)


def answered(client):
    """The whole answer to a request for health."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n\n"):
        answer += client.recv(2**16)
    return answer


def until_closed(client):
    return b"".join(iter(lambda: client.recv(2**16), b""))


def is_closed(client):
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


class TestHead:
    @pytest.mark.parametrize(
        "begun", [b"", b"GET /health HTTP/1.1\r\nX: ", b"POST /no HTTP/1.1\r\nHost: x\r\n"]
    )
    def test_that_does_not_end_is_given_up(self, monkeypatch, port, begun):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.2)
        with opened(port, begun) as client:
            assert is_closed(client)

    def test_that_comes_in_drops_is_given_up_as_well(self, monkeypatch, port):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.3)
        with opened(port) as client, pytest.raises(OSError):  # noqa: PT011 (reset, or broken pipe)
            send_slowly(client, b"G" * 50)

    def test_of_a_second_request_has_its_own_time(self, monkeypatch, port):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.3)
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        with opened(port, request) as client:
            assert answered(client).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)  # between two requests it may wait for longer
            client.sendall(request[:-2])
            time.sleep(0.1)
            client.sendall(request[-2:])
            assert answered(client).startswith(b"HTTP/1.1 200")
            client.sendall(request[:9])
            assert is_closed(client)

    def test_is_not_limited_by_the_time_of_an_answer(self, monkeypatch):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.2)
        model = Waiting()
        with serving(application.serving_app(model, MODEL)) as port:
            body = b'{"inputs": [{"miles": 1}]}'
            with opened(port, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body) as client:
                assert model.asked.wait(10)
                time.sleep(0.4)
                model.go_on.set()
                assert client.recv(2**16).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_takes_is_given_up(monkeypatch):
    monkeypatch.setattr(connections, "ANSWER_PATIENCE", 0.3)

    gone = threading.Event()

    async def much(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b" " * 2**25, "more_body": True})
        assert await receive() == {"type": "http.disconnect"}
        gone.set()

    with serving(much) as port, opened(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        assert gone.wait(10)


class TestCrowd:
    def test_that_sends_no_heads_keeps_nobody_out(self, port):
        with ExitStack() as stack:
            crowd = [stack.enter_context(opened(port, b"GET / HT")) for _ in range(60)]
            assert health(port) == 200
            assert is_closed(crowd[0])  # the one that has waited longest
            crowd[-1].setblocking(False)
            with pytest.raises(BlockingIOError):
                crowd[-1].recv(1)

    def test_that_sends_no_bodies_is_refused_by_number(self):
        with serving(application.serving_app(Waiting(), MODEL, most_requests=14)) as port:
            with ExitStack() as stack:
                begun = HEAD + b"Content-Length: 100\r\n\r\n{"
                crowd = [stack.enter_context(opened(port, begun)) for _ in range(40)]
                assert health(port) == 200
                refused = until_closed(crowd[-1])
            assert refused.startswith(b"HTTP/1.1 503")
            assert b"at most 14 requests at the same time" in refused
            assert b"retry-after: 1" in refused.lower()

    def test_cannot_fill_the_memory_with_bodies(self, monkeypatch):
        monkeypatch.setattr(intake, "MOST_BYTES_HELD", 1000)
        with serving(application.serving_app(Waiting(), MODEL)) as port:
            begun = HEAD + b"Content-Length: 700\r\n\r\n" + b" " * 600
            with opened(port, begun) as first, opened(port, begun) as second:
                assert b"bodies of 1,000 bytes" in until_closed(second)
                first.sendall(b" " * 100)
                assert first.recv(2**16).startswith(b"HTTP/1.1 400")

    def test_larger_than_the_limit_of_files_is_survived(self, tmp_path):
        with limited_server(tmp_path / "log", files=256) as port, ExitStack() as stack:
            for _ in range(400):
                stack.enter_context(opened(port, b"GET / HT"))
            for _ in range(5):
                assert health(port) == 200
        assert (tmp_path / "log").stat().st_size < 1000

    def test_of_nonsense_writes_a_line_a_second(self, tmp_path):
        start = time.monotonic()
        with limited_server(tmp_path / "log", files=256) as port:
            for _ in range(200):
                with opened(port, b"\x00\xff\r\n\r\n") as client:
                    client.recv(2**16)
        lines = (tmp_path / "log").read_text().splitlines()
        assert 0 < len(lines) <= 2 + time.monotonic() - start


SERVER = """
import signal
from huberflow.pipeline.deploy.application import waiting_app
from huberflow.pipeline.deploy.connections import Slots
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.server import Settings, running_server
with bind_port("127.0.0.1", 0, shared=False) as listener:
    with running_server(waiting_app(), listener, Slots(), Settings()):
        print(listener.getsockname()[1], flush=True)
        signal.sigwait([signal.SIGTERM])
"""


@contextmanager
def limited_server(log, files):
    """A server in a process that may open only so many files."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", code + SERVER], stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


class TestEnd:
    def test_does_not_wait_for_a_slow_body_beyond_its_grace(self):
        start = time.monotonic()
        with serving(application.serving_app(Waiting(), MODEL), grace=1) as port:
            client = opened(port, HEAD + b"Content-Length: 100\r\n\r\n{")
            health(port)
        assert time.monotonic() - start < 2.5
        with client:
            answer = until_closed(client)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"being stopped" in answer

    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
    def test_of_the_process_does_not_wait_for_threads_that_compute(self, ending):
        code = """
import concurrent.futures, time
from huberflow.pipeline.deploy.ending import ending_within
try:
    with ending_within(0.5):
        concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 60)
        print("computing", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("cleaned up", flush=True)
"""
        command = [sys.executable, "-c", code]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            process.stdout.readline()
            process.send_signal(ending)
            out, errors = process.communicate(timeout=10)
        assert (process.returncode, out) == (1, "cleaned up\n")
        assert "ended after 0.5 seconds" in errors
