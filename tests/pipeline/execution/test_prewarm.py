"""When the checker of an export is started early, and when not."""

from __future__ import annotations

import pytest

from huberflow.components.bundle import clean_process
from huberflow.pipeline.execution.run import Prewarm
from huberflow.pipeline.history.metadata_store import Execution


@pytest.fixture
def prepared(monkeypatch):
    """Whether it was started after a node."""
    started = []
    monkeypatch.setattr(clean_process, "prepare", lambda: started.append(True))

    def prepared(nodes: list[str], node: str, state: str) -> bool:
        prewarm = Prewarm()
        prewarm.run_started("run-1", nodes)
        prewarm.node_finished(Execution(1, node, "run-1", state, {}, {}, {}), 1.0)
        return bool(started)

    return prepared


@pytest.mark.parametrize(
    ("nodes", "node", "state", "expected"),
    [
        (["Trainer", "ServingExport"], "Trainer", "ran", True),
        (["Trainer", "ServingExport"], "Transform", "ran", False),
        (["Trainer", "ServingExport"], "Trainer", "cached", False),
        (["Trainer", "Evaluator"], "Trainer", "ran", False),
    ],
    ids=["trained", "not yet", "cached", "a sweep exports nothing"],
)
def test_it_loads_tensorflow_while_a_new_model_is_judged(prepared, nodes, node, state, expected):
    assert prepared(nodes, node, state) is expected
