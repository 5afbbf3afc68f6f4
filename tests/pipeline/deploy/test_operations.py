"""What those who operate a server see of it, and whom it answers."""

import json
import re
import socket
import ssl
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection

import pytest
from key_files import write_for_tls
from prometheus_client.parser import text_string_to_metric_families

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.deploy import access, application, connections, server
from huberflow.pipeline.deploy.listening import bind_port
from huberflow.pipeline.deploy.metrics import Metrics
from huberflow.pipeline.deploy.server import Settings, running_server

MODEL = application.ServedModel("bundle", "1", "c0ffee", "CPU:0")
BODY = '{"inputs": [{"miles": 1}, {"miles": 2}]}'


class Doubling:
    columns, outputs = {"miles": "number"}, ["prediction"]

    def predict(self, table):
        return table.astype(float).rename(columns={"miles": "prediction"}) * 2


@contextmanager
def serving(connection=HTTPConnection, **options):
    """A connection to a server, and its metrics."""
    settings, metrics = Settings(**options), Metrics()
    pages = application.serving_app(Doubling(), MODEL)
    app = server.guarded(pages, metrics, settings)
    with closing(bind_port("127.0.0.1", 0, shared=False)) as listener:
        port = listener.getsockname()[1]
        with (
            running_server(app, listener, settings),
            closing(connection("127.0.0.1", port, timeout=10)) as client,
        ):
            yield client, metrics


def ask(client, page, body=None, **headers):
    kind = {"Content-Type": "application/json"} if body else {}
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request("POST" if body else "GET", page, body, kind | headers)
    answer = client.getresponse()
    return answer, answer.read().decode()


class TestMetrics:
    def test_count_requests_rows_and_errors(self):
        with serving() as (client, _):
            for _ in range(3):
                ask(client, "/invocations", BODY)
            ask(client, "/invocations", "{")
            for number in range(3):
                ask(client, f"/nothing/{number}")
            answer, text = ask(client, "/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        found = samples(text)
        assert found["huberflow_requests_total", "/invocations", "200"] == 3
        assert found["huberflow_requests_total", "/invocations", "400"] == 1
        assert found["huberflow_requests_total", "other", "404"] == 3
        assert found["huberflow_rows_total",] == 6
        assert found["huberflow_request_seconds_count", "/invocations"] == 4
        assert found["huberflow_requests_running",] == 1  # this one
        assert found["process_open_fds",] > 0

    def test_are_there_while_the_model_is_checked(self):
        app = application.with_metrics(application.waiting_app(), Metrics())
        with closing(bind_port("127.0.0.1", 0, shared=False)) as listener:
            port = listener.getsockname()[1]
            with (
                running_server(app, listener, Settings()),
                closing(HTTPConnection("127.0.0.1", port, timeout=10)) as client,
            ):
                assert ask(client, "/metrics")[0].status == 200
                assert ask(client, "/invocations", BODY)[0].status == 503
                assert ask(client, "/health")[0].status == 200


def samples(text):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestAccessLog:
    def test_has_a_line_for_each_request_with_its_id(self, capfd):
        with serving(access_log=True) as (client, _):
            given, _ = ask(client, "/invocations", BODY, X_Request_ID="abc-1")
            made, _ = ask(client, "/invocations?secret=1", "{", X_Request_ID="no\tword")
        first, second = map(json.loads, capfd.readouterr().out.splitlines())
        assert given.headers["X-Request-ID"] == first["id"] == "abc-1"
        assert re.fullmatch("[0-9a-f]{32}", second["id"])
        assert made.headers["X-Request-ID"] == second["id"]
        assert (first["path"], first["status"], first["rows"]) == ("/invocations", 200, 2)
        assert (second["path"], second["status"], second["rows"]) == ("/invocations", 400, None)
        assert first["client"] == "127.0.0.1"
        assert 0 < first["seconds"] < 10
        assert first["bytes"] > 0

    def test_is_off_by_default(self, capfd):
        with serving() as (client, _):
            ask(client, "/invocations", BODY)
        assert capfd.readouterr().out == ""


class TestToken:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "tokens"
        path.write_text("new-token\n\nold-token\n")
        return path

    def test_is_needed_for_all_but_probes(self, file):
        with serving(token_file=file) as (client, _):
            for page in ("/health", "/ping", "/ready"):
                assert ask(client, page)[0].status == 200
            for page in ("/metrics", "/version", "/v1/models/model", "/nothing"):
                assert ask(client, page)[0].status == 401
            for wrong in ("", "Bearer", "Bearer x", "Basic new-token", "Bearer new-tokeñ"):
                answer, text = ask(client, "/invocations", BODY, Authorization=wrong)
                assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
                assert "new-token" not in text
            for token in ("new-token", "old-token"):
                right = f"Bearer {token}"
                assert ask(client, "/invocations", BODY, Authorization=right)[0].status == 200

    @pytest.mark.parametrize(("text", "received"), [("", "an empty file"), ("a b\n", "1 lines")])
    def test_file_without_one_is_refused(self, tmp_path, text, received):
        (tmp_path / "tokens").write_text(text)
        with pytest.raises(InputError) as refused:
            access.read_tokens(tmp_path / "tokens")
        assert refused.value.key == "--token-file"
        assert refused.value.received.startswith(received)

    def test_the_command_that_makes_a_file_is_for_a_shell(self, tmp_path):
        (tmp_path / "my tokens").write_text("")
        with pytest.raises(InputError, match=r"openssl rand -hex 32 > '.*/my tokens'"):
            access.read_tokens(tmp_path / "my tokens")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_for_tls(tmp_path_factory.mktemp("tls"))


class TestTLS:
    def test_encrypts(self, files):
        context = ssl.create_default_context(cafile=files["tls_cert"])

        def connection(*args, **options):
            return HTTPSConnection(*args, **options, context=context)

        with serving(connection, **files) as (client, _):
            many = json.dumps({"inputs": [{"miles": 1}] * 50_000})
            for body in (BODY, many):
                assert json.loads(ask(client, "/invocations", body)[1])["predictions"]

    def test_that_is_never_begun_is_given_up(self, files, monkeypatch):
        monkeypatch.setattr(connections, "HEAD_PATIENCE", 0.3)
        with (
            serving(**files) as (client, _),
            socket.create_connection(("127.0.0.1", client.port), timeout=5) as silent,
        ):
            assert silent.recv(1) == b""

    def test_that_cannot_be_read_is_named(self, files):
        for wrong in ({"tls_cert": files["tls_key"]}, {"tls_cert": files["tls_cert"]}):
            with pytest.raises(InputError) as refused, serving(**wrong):
                pass
            assert refused.value.key == "--tls-cert"


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104
)
def test_an_address_that_others_reach_is_known(host, alone):
    assert access.is_loopback(host) is alone


class TestMLflowsForms:
    def test_csv(self):
        with serving() as (client, _):
            client.request("POST", "/invocations", "miles\n1\n2.5\n", {"Content-Type": "text/csv"})
            answer = json.loads(client.getresponse().read())
        assert [row["prediction"] for row in answer["predictions"]] == [2.0, 5.0]

    @pytest.mark.parametrize("params", [None, {}])
    def test_empty_params(self, params):
        body = json.dumps({"inputs": [{"miles": 1}], "params": params})
        with serving() as (client, _):
            assert ask(client, "/invocations", body)[0].status == 200

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ('{"inputs": [], "params": {"top": 1}}', "params: expected none, for the model takes"),
            ('[{"miles": 1}]', "received a bare list; write: "),
        ],
    )
    def test_others_are_refused_in_words(self, body, message):
        with serving() as (client, _):
            answer, text = ask(client, "/invocations", body)
        assert answer.status == 400
        assert message in text
