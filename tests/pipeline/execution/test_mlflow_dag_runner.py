"""Any TFX pipeline under MlflowDagRunner: what its user sees, and what MLflow has."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
import tiny_nodes
from mlflow import MlflowClient
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from huberflow import MlflowDagRunner
from huberflow.pipeline.history.pipeline_runs import read_pipelines
from huberflow.pipeline.tracking.delivery import deliver_pipelines
from huberflow.pipeline.tracking.store import connect

NOBODY = "http://ann:hunter2@127.0.0.1:9"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A user's folder, in which the script runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def pipeline(place: Path, count: int = 5, name: str = "tiny", components=None) -> Pipeline:
    numbers = tiny_nodes.Numbers(count=count)
    trouble = str(place / "trouble.txt")
    total = tiny_nodes.Total(numbers=numbers.outputs["numbers"], trouble=trouble)
    return Pipeline(
        pipeline_name=name,
        pipeline_root=str(place / "artifacts"),
        components=components or [numbers, total],
        metadata_connection_config=metadata.sqlite_metadata_connection_config(
            str(place / "metadata.db")
        ),
        enable_cache=True,
    )


def tracked(place: Path, experiment: str = "tiny") -> dict:
    """The runs of an experiment in the user's MLflow, by name."""
    client = MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
    found = client.get_experiment_by_name(experiment)
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def leftovers() -> list[str]:
    return [path.name for path in Path(tempfile.gettempdir()).iterdir()]


def test_a_run_is_shown_and_tracked_where_mlflow_looks_first(place, capsys):
    LocalDagRunner().run(pipeline(place, count=4))
    capsys.readouterr()
    runner = MlflowDagRunner()
    runner.run(pipeline(place))
    shown = capsys.readouterr().out
    assert re.search(r"Numbers +ran +\d+\.\d s +config: count: 4 -> 5", shown)
    assert re.search(r"Total +ran +\d+\.\d s +new input: numbers", shown)
    assert f"huberflow ui --tracking-uri sqlite:///{place}/mlflow.db" in shown
    assert not re.search(r"INFO|blessed|pushed", shown)
    runner.run(pipeline(place))
    assert re.search(r"Total +cached .* as in run \d{4}-", capsys.readouterr().out)
    assert leftovers() == []

    runs = tracked(place)
    client = MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
    (experiment,) = {run.info.experiment_id for run in runs.values()}
    parents = [
        run for run in client.search_runs([experiment]) if "mlflow.parentRunId" not in run.data.tags
    ]
    assert [run.data.params["Numbers.count"] for run in parents] == ["5", "5"]
    assert {run.info.status for run in parents} == {"FINISHED"}
    assert all("nodes/Total.peak_memory_mb" in run.data.metrics for run in parents)

    # What is there already is known when the store is read later; the stock runner's run is new.
    store = read_pipelines(place / "metadata.db")
    tracker = connect(f"sqlite:///{place / 'mlflow.db'}")
    later = deliver_pipelines(store, tracker, lambda run, number, count: None)
    assert (len(later.delivered), later.already_there) == (1, 2)


@pytest.mark.parametrize(
    ("blessed", "lines"),
    [
        (1, ["blessed       yes", "pushed        /srv/fares/7"]),
        (0, ["not blessed   auc of all rows is 0.5", "pushed        nothing; the served model"]),
    ],
)
def test_ends_with_what_became_of_the_model(place, capsys, blessed, lines):
    evaluated = tiny_nodes.Evaluated(blessed=blessed)
    pushed = tiny_nodes.Pushed(blessing=evaluated.outputs["blessing"])
    MlflowDagRunner().run(pipeline(place, components=[evaluated, pushed]))
    shown = capsys.readouterr().out
    assert all(re.search(f"^{line}", shown, re.MULTILINE) for line in lines), shown


def test_a_failure_is_a_line_and_the_nodes_own_exception(place, capsys):
    (place / "trouble.txt").write_text("fail")
    with pytest.raises(ValueError, match="no rows in the data") as raised:
        MlflowDagRunner(experiment="fares").run(pipeline(place))
    assert raised.traceback[-1].name == "Total"
    shown = capsys.readouterr().out
    assert re.search(r"Total +failed .* no rows in the data", shown)
    log = re.search(r"^log +(\S+)$", shown, re.MULTILINE)
    assert "no rows in the data" in Path(log[1]).read_text()
    runs = tracked(place, "fares")
    assert runs["Total"].info.status == "FAILED"
    assert runs["Total"].data.params["trouble"] == str(place / "trouble.txt")
    (parent,) = [run for run in runs.values() if "mlflow.parentRunId" not in run.data.tags]
    assert parent.data.tags["huberflow.failed_node"] == "Total"


def test_an_interruption_is_passed_on(place, capsys):
    (place / "trouble.txt").write_text("interrupt")
    with pytest.raises(KeyboardInterrupt):
        MlflowDagRunner(NOBODY).run(pipeline(place))
    assert re.search(r"Total +failed .* interrupted", capsys.readouterr().out)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGHUP"])
def test_an_end_from_outside_is_an_interruption_and_is_tracked(place, capsys, end):
    (place / "trouble.txt").write_text(end)
    with pytest.raises(KeyboardInterrupt, match=end):
        MlflowDagRunner().run(pipeline(place))
    assert re.search(r"Total +failed .* interrupted", capsys.readouterr().out)
    runs = tracked(place)
    assert {runs["Numbers"].info.status, runs["Total"].info.status} == {"FINISHED", "FAILED"}
    (parent,) = [run for run in runs.values() if "mlflow.parentRunId" not in run.data.tags]
    assert parent.info.status == "KILLED"


def test_an_mlflow_that_is_down_stops_nothing(place, capsys):
    MlflowDagRunner(NOBODY).run(pipeline(place, name="my fares"))
    shown = capsys.readouterr().out
    assert re.search(r"Total +ran", shown)
    assert "cannot be reached" in shown
    assert "later: huberflow track --metadata metadata.db --pipeline 'my fares'" in shown
    assert "hunter2" not in shown
    assert leftovers() == []
