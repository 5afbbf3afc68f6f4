"""`docker compose --profile flink up`: the run's rows are processed by workers beside Flink's."""

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
    """Each node's, as the run in a service told them."""
    return dict(re.findall(r"^  (\w+) +(ran|cached|resolved|failed) ", compose.said(service), re.MULTILINE))


def test_the_run_goes_to_flink_and_pushes_a_blessed_model(on_flink):
    told = on_flink.said("pipeline-flink")
    assert "beam          flink, with huberflow_workers" in told
    assert "preflight     ok" in told
    ran = {node for node, state in states(on_flink, "pipeline-flink").items() if state == "ran"}
    assert ran >= BEAM_NODES
    assert re.search("^blessed +yes", told, re.MULTILINE)
    assert re.search("^pushed +workspace/serving/taxi/1", told, re.MULTILINE)


@pytest.mark.parametrize("worker", ["worker-1", "worker-2"])
def test_each_worker_gets_the_code_of_the_objects(on_flink, worker):
    assert "Downloaded: /tmp/staged/huberflow_workers" in on_flink.said(worker)


def test_the_run_here_finds_it_in_the_cache(on_flink):
    assert set(states(on_flink, "pipeline").values()) == {"cached", "resolved"}
