"""Where a user is sent to see runs."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from journals import Story
from remembering_tracker import RememberingTracker

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.tracking import links
from huberflow.pipeline.tracking.delivery import Delivery


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def deliver(workspace):
    """Delivers a run to a server; its id there."""

    def deliver(run_id: str, server: str) -> str:
        run = run_history.read_run(Story(workspace.journals, run_id).ends().path)
        Delivery(workspace, RememberingTracker(), server).deliver(run)
        return f"{workspace.identity}/{run_id}"

    return deliver


@pytest.fixture
def ui(workspace):
    """A UI that runs on the workspace, as far as one can see from outside; its address."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        (workspace.root / "ui.url").write_text(address)
        yield address
        server.shutdown()


def shown(url: str) -> tuple[str, list[str], list[str]]:
    """The server, and the runs and experiments that a compare page shows."""
    server, _, page = url.partition("/#")
    query = parse_qs(urlsplit(page).query)
    assert urlsplit(page).path == "/compare-runs"
    return server, json.loads(query["runs"][0]), json.loads(query["experiments"][0])


DATABASE = "sqlite:////data/mlflow.db"


@pytest.mark.parametrize(
    ("server", "shown_as"),
    [
        ("https://mlflow.example/tracking/", "https://mlflow.example/tracking"),
        ("http://***@mlflow.example", "http://mlflow.example"),
        (DATABASE, None),
    ],
)
def test_the_page_of_a_run_is_on_its_server(workspace, deliver, server, shown_as):
    run = deliver("run-1", server)
    page = shown_as and f"{shown_as}/#/experiments/taxi/runs/{run}"
    assert links.run_page(workspace, "run-1") == page
    assert links.run_page(workspace, "not delivered") is None


class TestComparePage:
    def test_is_on_the_ui_that_runs(self, workspace, deliver, ui):
        run = deliver("run-1", DATABASE)
        assert shown(links.compare_page(workspace, ["run-1"])) == (ui, [run], ["taxi"])

    def test_is_where_the_ui_would_be_with_the_command_to_start_it(self, workspace, deliver):
        run = deliver("run-1", DATABASE)
        page, _, hint = links.compare_page(workspace, ["run-1"]).partition("  ")
        assert shown(page) == ("http://127.0.0.1:5000", [run], ["taxi"])
        assert hint == f"(start it: huberflow ui --workspace {workspace.root})"

    def test_shows_the_runs_on_the_first_ones_server(self, workspace, deliver):
        runs = [deliver(run_id, "http://mlflow.example") for run_id in ("run-1", "run-2")]
        deliver("run-3", "http://another.example")
        page = links.compare_page(workspace, ["run-1", "run-2", "run-3", "never delivered"])
        assert shown(page) == ("http://mlflow.example", runs, ["taxi"])

    def test_of_a_moved_workspace_shows_its_earlier_runs_too(self, workspace, deliver):
        places = {"run-1": "/old", "run-2": str(workspace.root)}
        runs = [deliver(name, f"sqlite:///{at}/mlflow/mlflow.db") for name, at in places.items()]
        page = links.compare_page(workspace, [*places]).partition("  ")[0]
        assert shown(page)[1] == runs

    def test_is_none_where_nothing_was_delivered(self, workspace):
        assert links.compare_page(workspace, ["run-1"]) is None
