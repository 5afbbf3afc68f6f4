"""Links to the pages of MLflow's UI that show runs."""

import json
import shlex
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.display_path import display_path
from huberflow.pipeline.tracking import ui
from huberflow.pipeline.tracking.delivery import Receipt, receipt
from huberflow.pipeline.tracking.tags import VIEW


def run_page(workspace: Workspace, run_id: str) -> str | None:
    """The page of a run on a server; None where runs are in a database, or it is not delivered."""
    delivered = receipt(workspace, run_id)
    if delivered is None or (server := _server(delivered)) is None:
        return None
    return f"{server}/#/experiments/{delivered.experiment}/runs/{delivered.run}"


def run_page_or_ui(workspace: Workspace, run_id: str | None) -> str:
    """The page of a run, where it has one on a server, or the command that starts the UI."""
    page = None if run_id is None else run_page(workspace, run_id)
    return page or _start(workspace)


def results_page(workspace: Workspace, server: str) -> str:
    """The list of runs in the newest run's experiment, best first."""
    newest = max((journal.stem for journal in workspace.journals.glob("*.jsonl")), default="")
    delivered = receipt(workspace, newest)
    if delivered is None:
        return server
    query = urlencode({"workflowType": "machine_learning", "viewStateShareKey": VIEW})
    return f"{server}/#/experiments/{delivered.experiment}/runs?{query}"


def compare_page(workspace: Workspace, run_ids: Sequence[str]) -> str | None:
    """The page that compares runs, on their server or on the UI that runs now.

    Where neither runs, the line also has the command that starts the UI; None where no run has been
    delivered.
    """
    receipts = [each for run in run_ids if (each := receipt(workspace, run)) is not None]
    if not receipts:
        return None
    receipts = [each for each in receipts if _store(each) == _store(receipts[0])]
    server = _server(receipts[0]) or ui.running(workspace)
    if server is not None:
        return _comparison(server, receipts)
    page = _comparison("http://127.0.0.1:5000", receipts)
    return f"{page}  (start it: {_start(workspace)})"


def _start(workspace: Workspace) -> str:
    return shlex.join(["huberflow", "ui", "--workspace", display_path(workspace.root)])


def _server(delivered: Receipt) -> str | None:
    """The server's address; None for a database."""
    address = delivered.server
    return address.replace("***@", "").rstrip("/") if address.startswith("http") else None


def _store(delivered: Receipt) -> str:
    """The server's address; of the workspace's own database one that stays when it is moved."""
    own = "/mlflow/mlflow.db"
    return own if delivered.server.endswith(own) else delivered.server


def _comparison(server: str, receipts: Sequence[Receipt]) -> str:
    """The page that compares these runs."""
    query = {
        "runs": json.dumps([each.run for each in receipts]),
        "experiments": json.dumps(list(dict.fromkeys(each.experiment for each in receipts))),
    }
    return f"{server}/#/compare-runs?{urlencode(query, quote_via=quote)}"
