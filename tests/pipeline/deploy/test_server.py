"""What a user of `huberflow serve` relies on: real processes, real HTTP, real models."""

import json
import shutil
import signal
import socket
import subprocess
import threading
from contextlib import closing

import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from mlflow_servers import free_port
from served import announced, ask, connection, predictions, started
from small_bundles import bundled, trained
from traffic import CLIENTS, REQUESTS, Batch, Traffic

from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.scorer import Scorer


@pytest.fixture(scope="module")
def bundles(bundle, tmp_path_factory):
    """An old and a new version of a model."""
    return [bundle, bundled(trained(threshold=0.5), tmp_path_factory.mktemp("newer"))]


@pytest.fixture(scope="module")
def batches(bundles):
    rows = Scorer(bundles[0]).golden_rows()
    old, new = (reload.predictor(bundle, "columns") for bundle in bundles)

    def batch(start, count):
        part = rows.iloc[start : start + count]
        columns = {"miles": part["miles"].astype(float), "company": part["company"].to_list()}
        values = [model(**columns)["prediction"].tolist() for model in (old, new)]
        return Batch(part.to_dict("records"), *values)

    found = [batch(start, 1 + start % 9) for start in range(0, 80, 5)]
    assert all(batch.old != batch.new for batch in found)
    return found


@pytest.fixture(scope="module")
def takeover(bundles, batches, tmp_path_factory):
    """A new version that took over from the old one under traffic, and still serves."""
    folder, port = tmp_path_factory.mktemp("logs"), free_port()
    traffic = Traffic(port, batches)
    with started(bundles[0], port, folder / "old") as old:
        announced(old, folder / "old")
        first, *others = [threading.Thread(target=traffic.client, args=[n]) for n in range(CLIENTS)]
        first.start()
        try:
            with started(bundles[1], port, folder / "new", "--share-port") as new:
                lines = announced(new, folder / "new")
                for client in others:  # Not earlier: the new one would start for minutes.
                    client.start()
                assert traffic.in_full.wait(timeout=120)
                old.terminate()
                code = old.wait(timeout=60)
                traffic.over.set()
                for client in (first, *others):
                    client.join()
                yield traffic, code, lines, (folder / "old").read_text()
        finally:
            traffic.over.set()


@pytest.fixture
def server(takeover):
    """A connection to a server that is ready."""
    with closing(connection(takeover[0].port)) as to:
        yield to


class TestTakeover:
    def test_every_answer_is_one_of_the_two_models(self, takeover):
        traffic, code, _, log = takeover
        counts = traffic.counts
        assert traffic.wrong == []
        assert counts["old"] + counts["new"] >= REQUESTS
        assert min(counts["old"], counts["new"]) > 0
        assert counts["lost"] == 0
        assert code == 0
        assert "Traceback" not in log


class TestReady:
    def test_says_where_it_serves_and_what(self, takeover, bundles):
        traffic, _, lines, _ = takeover
        assert lines[0] == f"serving: http://127.0.0.1:{traffic.port} {bundles[1]}"

    def test_the_command_to_try_it_works(self, takeover, batches):
        command = takeover[2][1].removeprefix("try:")
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
        [value] = predictions(json.loads(done.stdout))
        assert value == pytest.approx(batches[0].new[0])

    def test_names_the_model(self, server, bundles):
        certificate = json.loads((bundles[1] / reload.layout.CERTIFICATE).read_text())
        status, about = ask(server, "/ready")
        assert status == 200
        assert about == {
            "model": str(bundles[1]),
            "version": bundles[1].name,
            "certificate": certificate["sha256"],
            "device": "CPU:0",
            "name": bundles[1].name,
        }

    @pytest.mark.parametrize("page", ["/ping", "/health"])
    def test_is_alive(self, server, page):
        assert ask(server, page) == (200, None)


class TestPredictions:
    @pytest.mark.parametrize("key", ["dataframe_records", "instances", "inputs", "dataframe_split"])
    def test_of_a_request(self, server, batches, key):
        columns, rows = ["company", "miles"], batches[3].rows
        split = {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}
        request = {key: split if key == "dataframe_split" else rows}
        status, answer = ask(server, "/invocations", **request)
        assert (status, predictions(answer)) == (200, batches[3].new)

    def test_asked_by_mlflows_own_client(self, takeover, batches):
        client = ScoringServerClient("127.0.0.1", takeover[0].port)
        client.wait_server_ready(timeout=10)
        found = client.invoke(pd.DataFrame(batches[3].rows)).get_predictions()
        assert found["prediction"].tolist() == batches[3].new

    def test_without_a_column(self, server, bundles):
        predict = reload.predictor(bundles[1], "columns")
        expected = predict(miles=[1.5], company=[""])["prediction"].tolist()
        for row in ({"miles": 1.5}, {"miles": 1.5, "company": None}):
            status, answer = ask(server, "/invocations", dataframe_records=[row])
            assert (status, predictions(answer)) == (200, expected)


class TestRefusals:
    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (
                {"mile": 1.5},
                "columns: expected any of company, miles, received 'mile'; did you mean 'miles'?",
            ),
            ({"miles": "far"}, "row 2 of 2: miles: expected a number, received 'far'"),
            ({"company": 8}, "row 2 of 2: company: expected text, received 8"),
        ],
    )
    def test_name_what_is_wrong(self, server, row, message):
        status, answer = ask(server, "/invocations", dataframe_records=[{"miles": 1.0}, row])
        assert status == 400
        assert answer["message"] == message


GARBAGE = [
    b"\x00\xff\x16\x03\x01" * 40 + b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"POST /invocations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /invocations HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_no_http_is_refused(takeover, batches, garbage):
    with socket.create_connection(("127.0.0.1", takeover[0].port), timeout=10) as client:
        client.sendall(garbage)
        answer = client.recv(2**16)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"Traceback" not in answer


@pytest.mark.parametrize("length", [10, 10_000])
def test_a_client_that_goes_in_the_midst_of_its_body_disturbs_nobody(
    server, takeover, batches, length
):
    with socket.create_connection(("127.0.0.1", takeover[0].port)) as client:
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
        client.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
    status, answer = ask(server, "/invocations", dataframe_records=batches[0].rows)
    assert (status, predictions(answer)) == (200, batches[0].new)


class TestStart:
    def test_a_changed_model_is_refused_before_tensorflow_is_imported(self, bundles, tmp_path):
        changed = shutil.copytree(bundles[0], tmp_path / "changed")
        (changed / "saved_model.pb").write_bytes(b"")
        log = self.ends_with(1, changed, free_port(), tmp_path / "log")
        # TensorFlow would have printed lines of its own first.
        assert log.startswith("huberflow: refused: saved_model.pb: changed after the export")

    def test_a_port_that_is_taken_is_named(self, takeover, bundles, tmp_path):
        port = takeover[0].port
        log = self.ends_with(2, bundles[0], port, tmp_path / "log")
        assert f"--port: expected a free port, received {port}, taken by another server" in log

    def ends_with(self, code, bundle, port, log):
        with started(bundle, port, log) as process:
            assert process.wait(timeout=60) == code
        return log.read_text()

    @pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_is_alive_but_not_ready_while_the_model_is_checked(self, bundles, tmp_path, ending):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with (
            started(bundles[0], port, tmp_path / "log") as process,
            closing(connection(port)) as to,
        ):
            wait_until_it_listens(process, port)
            assert ask(to, "/health") == (200, None)
            status, answer = ask(to, "/ready")
            assert (status, answer["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
            process.send_signal(ending)
            assert process.wait(timeout=60) == 0
        assert "Traceback" not in (tmp_path / "log").read_text()


def wait_until_it_listens(process, port):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None
