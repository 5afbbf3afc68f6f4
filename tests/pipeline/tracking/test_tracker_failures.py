"""What the user reads where runs cannot be tracked: one line, soon, and what to write."""

import os
import socket
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from mlflow_servers import free_port

from huberflow.pipeline.tracking.mlflow_tracker import MlflowTracker
from huberflow.pipeline.tracking.tracker import NewRun, TrackingError


@contextmanager
def server_that_answers(status: HTTPStatus):
    """A web server with one answer to all requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def refusal(uri: str) -> tuple[str, float]:
    """The message for an address that cannot be used, and after how many seconds it came."""
    began = time.monotonic()
    with pytest.raises(TrackingError) as caught:
        MlflowTracker(uri).open_run(NewRun("w/run", "taxi", "name", 1.0))
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__cause__ is not None
    return message, time.monotonic() - began


PROMPT = 30
"""Seconds; by itself, MLflow tries again for more than a minute, and only then says why."""

CREDENTIALS = "write: export MLFLOW_TRACKING_USERNAME=... MLFLOW_TRACKING_PASSWORD=..."


class TestServers:
    def test_a_server_that_is_not_there(self):
        address = f"http://127.0.0.1:{free_port()}"
        message, seconds = refusal(address)
        assert message == (
            f"{address}: cannot open the run name: it cannot be reached (Connection refused); "
            f"write: curl {address}/health"
        )
        assert seconds < PROMPT

    def test_a_server_that_never_answers(self, monkeypatch):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            message, seconds = refusal(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert message.endswith("no answer within 1 s; write: export MLFLOW_HTTP_REQUEST_TIMEOUT=6")
        assert seconds < PROMPT

    @pytest.mark.parametrize(("set_before", "then"), [(None, "10"), ("33", "33")])
    def test_a_request_may_last_ten_seconds_or_as_the_user_sets(
        self, set_before, then, monkeypatch
    ):
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(set_before))
        if set_before is None:
            monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
        refusal(f"http://127.0.0.1:{free_port()}")
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == then

    @pytest.mark.parametrize(
        ("status", "remedy"),
        [
            (HTTPStatus.NOT_FOUND, ""),
            (HTTPStatus.SERVICE_UNAVAILABLE, ""),
            (HTTPStatus.UNAUTHORIZED, CREDENTIALS),
            (HTTPStatus.FORBIDDEN, CREDENTIALS),
        ],
    )
    def test_a_server_that_refuses(self, status, remedy):
        with server_that_answers(status) as address:
            message, seconds = refusal(address)
        assert message.startswith(f"{address}: cannot open the run name: ")
        assert str(status.value) in message
        assert message.endswith(remedy)
        assert seconds < PROMPT

    def test_a_password_is_not_shown(self):
        message, _ = refusal(f"http://ann:secret@127.0.0.1:{free_port()}")
        assert message.startswith("http://***@127.0.0.1")
        assert "secret" not in message


class TestAddresses:
    @pytest.mark.parametrize(
        "uri", ["http://[", "./mlruns", "databricks", "sqlite://mlflow.db", "mysql+none://host"]
    )
    def test_what_is_no_address(self, uri):
        message, _ = refusal(uri)
        assert message.startswith("tracking.uri: expected ")
        assert f"received {uri!r}; write: http://127.0.0.1:5000" in message


class TestDatabases:
    def test_a_database_that_is_not_there(self):
        message, seconds = refusal(f"postgresql://ann:secret@127.0.0.1:{free_port()}/mlflow")
        assert "Connection refused" in message
        assert "secret" not in message
        assert seconds < PROMPT

    def test_a_database_that_is_none(self, tmp_path):
        (tmp_path / "mlflow.db").write_text("no database " * 100)
        message, seconds = refusal(f"sqlite:///{tmp_path}/mlflow.db")
        assert "file is not a database" in message
        assert seconds < PROMPT

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        message, seconds = refusal(f"sqlite:///{tmp_path}/file/mlflow.db")
        assert "File exists" in message or "Not a directory" in message
        assert seconds < PROMPT
