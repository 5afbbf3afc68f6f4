"""`docker compose up`, from an empty machine to a prediction."""

import pytest
from container_engine import wait_until
from served import ask, connection, predictions

from huberflow.components.bundle import reload
from huberflow.pipeline.deploy.scorer import Scorer


def finished_runs(compose) -> list[tuple]:
    """The pipeline runs in MLflow, without the runs of nodes, each with its files."""
    from mlflow import MlflowClient

    client = MlflowClient(f"http://127.0.0.1:{compose.port('mlflow', 5000)}")
    [experiment] = client.search_experiments(filter_string="name = 'taxi'")
    runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'")
    return [
        (run, [file.path for file in client.list_artifacts(run.info.run_id)])
        for run in runs
        if "mlflow.parentRunId" not in run.data.tags
    ]


def answered(compose, bundle) -> list[float]:
    """The server's predictions of the golden rows."""
    rows = Scorer(bundle).golden_rows()
    split = rows.to_dict("split", index=False)
    status, answer = ask(
        connection(compose.port("serving", 8080)), "/invocations", dataframe_split=split
    )
    assert status == 200, answer
    return predictions(answer)


def golden(bundle) -> list[float]:
    return reload.golden(bundle).values["answers/columns/prediction"].tolist()


def test_the_run_is_in_mlflow_with_its_report(compose):
    [(run, artifacts)] = finished_runs(compose)
    assert "report.html" in artifacts
    assert run.data.params


def test_the_server_gives_the_golden_predictions(compose, bundle):
    assert answered(compose, bundle) == golden(bundle)


@pytest.mark.parametrize("service", ["postgres", "mlflow", "serving"])
def test_a_service_is_no_root_and_writes_nowhere_but_in_its_volumes(compose, service):
    user = compose("exec", "--no-TTY", service, "id", "--user").strip()
    refused = compose("exec", "--no-TTY", service, "sh", "-c", "touch /new 2>&1 || true")
    assert user != "0"
    assert "Read-only file system" in refused


def test_the_database_may_stop_and_start(compose, bundle):
    compose("stop", "postgres")
    assert answered(compose, bundle) == golden(bundle)
    compose("start", "postgres")
    wait_until(lambda: compose.health("postgres") == "healthy", "postgres")
    patient = "tracking.patience=600"  # the test is not about the seconds that MLflow takes
    output = compose("run", "--rm", "--no-TTY", "pipeline", "run", "--set", patient)
    assert len(finished_runs(compose)) == 2, output
