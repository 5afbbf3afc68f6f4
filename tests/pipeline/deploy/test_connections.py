"""No client can keep the others out, or the server from its end."""

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection

import pytest
from key_files import write_for_tls

from huberflow.pipeline.deploy import application, connections, intake
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.metrics import Metrics
from huberflow.pipeline.deploy.server import Settings, guarded, running_server

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
    with closing(bind_port("127.0.0.1", 0, shared=False)) as listener:
        listener.slots.most, listener.slots.most_requests = most, most - 2
        with running_server(app, listener, Settings(**options)):
            yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return write_for_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def port():
    with serving(application.waiting_app()) as port:
        yield port


def opened(port, content=b""):
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(content)
    return client


def health(port, cafile=None):
    with closing(client_of(port, cafile)) as client:
        client.request("GET", "/health")
        return client.getresponse().status


def client_of(port, cafile=None):
    """A client, which encrypts if it is told whom to trust."""
    if cafile is None:
        return HTTPConnection("127.0.0.1", port, timeout=5)
    context = ssl.create_default_context(cafile=cafile)
    return HTTPSConnection("127.0.0.1", port, timeout=5, context=context)


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


def answer_to(client):
    """The answer to the only request of a client."""
    answer = HTTPResponse(client)
    answer.begin()
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
        app = application.serving_app(Waiting(), MODEL, most_requests=8)
        with serving(app) as port, ExitStack() as stack:
            begun = HEAD + b"Content-Length: 100\r\n\r\n{"
            crowd = [stack.enter_context(opened(port, begun)) for _ in range(40)]
            assert health(port) == 200
            for client in crowd[8:]:
                refused = answer_to(client)
                assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
                assert b"at most 8 requests at the same time" in refused.read()

    def test_cannot_fill_the_memory_with_bodies(self, monkeypatch):
        monkeypatch.setattr(intake, "MOST_BYTES_HELD", 1000)
        with serving(application.serving_app(Waiting(), MODEL)) as port:
            begun = HEAD + b"Content-Length: 700\r\n\r\n" + b" " * 600
            with opened(port, begun) as first, opened(port, begun) as second:
                assert b"bodies of 1,000 bytes" in answer_to(second).read()
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


class TestCrowdThatBeginsNoEncryption:
    @pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"])
    def test_keeps_nobody_out(self, tls, begun):
        with serving(application.waiting_app(), **tls) as port, ExitStack() as stack:
            crowd = [stack.enter_context(opened(port, begun)) for _ in range(60)]
            start = time.monotonic()
            assert health(port, tls["tls_cert"]) == 200
            assert time.monotonic() - start < connections.HEAD_PATIENCE / 2
            assert is_closed(crowd[0])  # the one that has waited longest
            crowd[-1].setblocking(False)
            with pytest.raises(BlockingIOError):
                crowd[-1].recv(1)

    def test_takes_the_place_of_no_request(self, tls):
        model = Waiting()
        app = application.serving_app(model, MODEL)
        with serving(app, **tls) as port, closing(client_of(port, tls["tls_cert"])) as client:
            body = '{"inputs": [{"miles": 1}]}'
            client.request("POST", "/invocations", body, {"Content-Type": "application/json"})
            assert model.asked.wait(10)
            with ExitStack() as stack:
                for _ in range(60):
                    stack.enter_context(opened(port))
                assert health(port, tls["tls_cert"]) == 200
                model.go_on.set()
                assert client.getresponse().status == 200

    def test_larger_than_the_limit_of_files_is_survived(self, tmp_path, tls):
        with limited_server(tmp_path / "log", 256, **tls) as port, ExitStack() as stack:
            for _ in range(400):
                stack.enter_context(opened(port))
            for _ in range(5):
                assert health(port, tls["tls_cert"]) == 200
        assert (tmp_path / "log").stat().st_size < 1000

    def test_leaves_no_slot_behind(self, monkeypatch, tls):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.2)
        with closing(bind_port("127.0.0.1", 0, shared=False)) as listener:
            port = listener.getsockname()[1]
            with running_server(application.waiting_app(), listener, Settings(**tls)):
                for begun in (b"", b"GET / HTTP/1.1\r\n\r\n"):
                    with opened(port, begun) as client:
                        assert is_closed(client)
            assert not listener.slots.taken
            assert not listener.slots.waiting


class TestBodyThatIsNotRead:
    BODY = b"PAR1" + bytes(2**23)

    def answer(self, port, kind):
        """What a client sees that sends all of its body before it reads; then it asks again."""
        with closing(client_of(port)) as client:
            client.request("POST", "/invocations", self.BODY, {"Content-Type": kind})
            answer = client.getresponse()
            content = answer.read().decode()
            client.request("GET", "/health")
            assert client.getresponse().status == 200
            return answer.status, content

    def test_of_another_content_type_gets_its_answer(self):
        with serving(application.serving_app(Waiting(), MODEL)) as port:
            status, content = self.answer(port, "application/vnd.apache.parquet")
        assert status == 415
        assert "expected application/json or text/csv in UTF-8" in content

    def test_that_is_too_large_gets_its_answer(self, monkeypatch):
        monkeypatch.setattr(intake, "MOST_BYTES", 1000)
        with serving(application.serving_app(Waiting(), MODEL)) as port:
            assert self.answer(port, "application/json")[0] == 413

    def test_that_comes_too_early_gets_its_answer(self, port):
        assert self.answer(port, "application/json")[0] == 503

    def test_without_a_token_gets_its_answer(self, tmp_path):
        (tmp_path / "tokens").write_text("secret")
        settings = Settings(token_file=tmp_path / "tokens")
        with serving(guarded(application.waiting_app(), Metrics(), settings)) as port:
            assert self.answer(port, "application/json")[0] == 401

    def test_that_does_not_end_is_given_up(self, monkeypatch):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.3)
        begun = b"POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        with serving(application.serving_app(Waiting(), MODEL)) as port, opened(port) as client:
            client.sendall(begun)
            assert client.recv(2**16).startswith(b"HTTP/1.1 404")
            with pytest.raises(OSError):  # noqa: PT011 (reset, or broken pipe)
                send_slowly(client, b"x" * 50)


SERVER = """
import signal, sys
from huberflow.pipeline.deploy.application import waiting_app
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.server import Settings, running_server
cert, key = sys.argv[1:] or (None, None)
with bind_port("127.0.0.1", 0, shared=False) as listener:
    with running_server(waiting_app(), listener, Settings(tls_cert=cert, tls_key=key)):
        print(listener.getsockname()[1], flush=True)
        signal.sigwait([signal.SIGTERM])
"""


@contextmanager
def limited_server(log, files, **tls):
    """A server in a process that may open only so many files."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-c", code + SERVER, *tls.values()],
            stdout=subprocess.PIPE,
            stderr=errors,
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

    @pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
    def test_does_not_wait_for_clients_that_do_not_end_their_encryption(self, tls, more):
        context = ssl.create_default_context(cafile=tls["tls_cert"])
        with serving(application.waiting_app(), **tls) as port:
            client = context.wrap_socket(opened(port), server_hostname="127.0.0.1")
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")
            assert client.recv(1) == b"H"
            start = time.monotonic()
        with client:
            assert time.monotonic() - start < 5  # of the eight that it may take

    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
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

    def test_of_the_process_is_a_good_one_where_no_answer_is_lost(self):
        """Such as while the model is checked, in calls that cannot be interrupted."""
        code = """
import concurrent.futures, signal, time
from huberflow.pipeline.deploy.ending import ending_within
with ending_within(0.5, loses=lambda: False):
    concurrent.futures.ThreadPoolExecutor().submit(time.sleep, 60)
    signal.raise_signal(signal.SIGTERM)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0
        assert "ended after" not in done.stderr

    def test_under_nohup_is_not_that_of_the_terminal(self):
        code = """
import signal, time
from huberflow.pipeline.deploy.ending import ending_within
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with ending_within(0.5):
    signal.raise_signal(signal.SIGHUP)
    time.sleep(1)
    print("served")
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "served\n"), done.stderr
