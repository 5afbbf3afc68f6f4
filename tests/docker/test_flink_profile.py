"""`docker compose --profile flink up`: Flink's workers process the rows of a run."""

import re
from collections.abc import Iterator

import pytest
from container_engine import Compose, up

BEAM_NODES = {"ExampleGen", "StatisticsGen", "Transform", "Evaluator"}


@pytest.fixture(scope="module")
def on_flink(flink: None) -> Iterator[Compose]:
    with up("flink", "--profile", "flink") as compose:
        yield compose


def states(compose: Compose, service: str) -> dict[str, str]:
    """The state of each node, as the run in a service printed it."""
    line = r"^  (\w+) +(ran|cached|resolved) "
    return dict(re.findall(line, compose.logs(service), re.MULTILINE))


def test_the_run_goes_to_flink_and_pushes_a_blessed_model(on_flink):
    output = on_flink.logs("pipeline-flink")
    assert "beam          flink, with huberflow_workers" in output
    assert "preflight     ok" in output
    ran = {node for node, state in states(on_flink, "pipeline-flink").items() if state == "ran"}
    assert ran >= BEAM_NODES
    assert re.search("^blessed +yes", output, re.MULTILINE)
    assert re.search("^pushed +workspace/serving/taxi/1", output, re.MULTILINE)


@pytest.mark.parametrize("worker", ["worker-1", "worker-2"])
def test_each_worker_gets_the_code_of_the_objects(on_flink, worker):
    assert "Downloaded: /tmp/staged/huberflow_workers" in on_flink.logs(worker)


def test_the_local_run_reuses_the_results_of_the_run_on_flink(on_flink):
    assert set(states(on_flink, "pipeline").values()) == {"cached", "resolved"}
