"""What a run says of why each node ran."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from huberflow.pipeline.history.metadata_store import Artifact, Execution, Records
from huberflow.pipeline.history.reasons import reason

NOTHING = {"epochs": 12}


def artifact(number: int) -> Artifact:
    return Artifact(id=number, uri=Path(f"/w/{number}"), properties={})


def execution(number: int = 9, *, node="Trainer", state="ran", config=None, source=None, **other):
    """A Trainer's execution, as TFX records it."""
    values = {
        "custom_config": {"training": NOTHING if config is None else config, "source": source or {}}
    }
    return Execution(
        id=number,
        node=node,
        run=f"run-{number}",
        state=state,
        properties=values,
        inputs=other.get("inputs", {"examples": (artifact(1),)}),
        outputs=other.get("outputs", {"model": (artifact(100 + number),)}),
    )


def why(now: Execution, *earlier: Execution, cache: bool = True) -> str:
    """The reason, where ``earlier`` holds the same node's executions, the latest first."""
    records = create_autospec(Records, instance=True)
    records.before.return_value = list(earlier)
    return reason(records, now, cache=cache)


def pushed_to(*folders: str) -> list[Execution]:
    """A Pusher's executions with these places of the served model."""
    place = "push_destination", "filesystem", "base_directory"
    return [
        replace(execution(number), properties={place[0]: {place[1]: {place[2]: folder}}})
        for number, folder in enumerate(folders)
    ]


class TestPlaceOfTheServedModel:
    def test_in_a_moved_workspace_is_no_change(self):
        now, before = pushed_to("/new/serving/taxi", "/old/serving/taxi")
        assert why(now, before) == "its cached result was deleted"

    def test_elsewhere_is_a_change(self):
        now, before = pushed_to("/srv/b/taxi", "/srv/a/taxi")
        assert why(now, before).startswith("config: push_destination.filesystem.base_directory")


HUBER = {"loss": {"name": "HuberLoss", "config": {"threshold": 1.0}}}
SAME, OTHER = {"a.py": "1"}, {"a.py": "2"}


@pytest.mark.parametrize(
    ("before", "now", "line"),
    [
        ({}, {"config": {"epochs": 5}}, "config: training.epochs: 12 -> 5"),
        (
            {"config": HUBER},
            {"config": {"loss": {"name": "MeanAbsoluteError", "config": {}}}},
            "config: training.loss.config.threshold: 1.0 -> None, "
            "training.loss.name: HuberLoss -> MeanAbsoluteError",
        ),
        (
            {"config": {"metrics": [{"name": "HuberMetric"}]}},
            {"config": {"metrics": [{"name": "HuberMetric"}, {"name": "LogCosh"}]}},
            "config: training.metrics.1.name: None -> LogCosh",
        ),
        (
            {"config": dict.fromkeys("abcd", 0)},
            {"config": dict.fromkeys("abcd", 1)},
            "config: training.a: 0 -> 1, training.b: 0 -> 1 and 2 more",
        ),
        (
            {"config": {"path": "/y"}},
            {"config": {"path": "/x" * 100}},
            f"config: training.path: /y -> {'/x' * 12}…{'/x' * 6}",
        ),
        (
            {"config": {"module": f"/{'x' * 99}/a/{'z' * 99}"}},
            {"config": {"module": f"/{'x' * 99}/b/{'z' * 99}"}},
            "config: training.module: /xxxxxxxxxxx…a/zzzzzzzzzz…zzzzzzzzzzzz"
            " -> /xxxxxxxxxxx…b/zzzzzzzzzz…zzzzzzzzzzzz",
        ),
        ({"source": SAME | {"b.py": "1"}}, {"source": OTHER | {"b.py": "1"}}, "code: a.py"),
        ({}, {"source": {"extra.py": "new"}}, "code: extra.py"),
        (
            {"inputs": {"transform_graph": (artifact(3),), "examples": (artifact(1),)}},
            {"inputs": {"transform_graph": (artifact(2),), "examples": (artifact(1),)}},
            "new input: transform graph",
        ),
        (
            {"inputs": {"model": (artifact(2),), "baseline_model": (artifact(3),)}},
            {"inputs": {"model": (artifact(2),)}},
            "new input: baseline model",
        ),
        (
            {"inputs": {"examples": (artifact(2), artifact(1))}},
            {"inputs": {"examples": (artifact(1), artifact(2))}},
            "its cached result was deleted",
        ),
        (
            {"source": SAME, "inputs": {"x": (artifact(1),)}},
            {"config": {"epochs": 5}, "source": OTHER, "inputs": {"x": (artifact(2),)}},
            "config: training.epochs: 12 -> 5; code: a.py; new input: x",
        ),
    ],
)
def test_what_changed_since_the_last_run(before, now, line):
    assert why(execution(**now), execution(1, **before)) == line


FAILED = execution(2, config={"epochs": 7}, state="failed")


@pytest.mark.parametrize(
    ("earlier", "cache", "config", "line"),
    [
        ([], True, NOTHING, "first run"),
        ([FAILED], True, NOTHING, "its first run did not finish"),
        ([FAILED, execution(1)], True, {"epochs": 5}, "config: training.epochs: 12 -> 5"),
        ([FAILED, execution(1)], True, NOTHING, "its last run did not finish"),
        ([execution(1)], False, NOTHING, "the cache is off"),
        ([execution(1)], False, {"epochs": 5}, "the cache is off"),
    ],
)
def test_earlier_runs_and_the_cache(earlier, cache, config, line):
    assert why(execution(config=config), *earlier, cache=cache) == line


class TestNodeThatDidNotRun:
    def origin(self, now: Execution) -> str:
        records = create_autospec(Records, instance=True)
        records.producer.side_effect = lambda output: {107: execution(7)}[output.id]
        return reason(records, now, cache=True)

    @pytest.mark.parametrize(
        ("node", "state", "outputs", "origin"),
        [
            ("Trainer", "cached", {"model": (artifact(107),)}, "as in run run-7"),
            ("SchemaGate", "cached", {}, "as before"),
            (
                "Baseline",
                "resolved",
                {"model": (artifact(107),), "blessing": (artifact(108),)},
                "model of run run-7",
            ),
            ("Baseline", "resolved", {}, "no other blessed model"),
            ("Baseline", "resolved", {"model": ()}, "no other blessed model"),
            (
                "EarlierData",
                "resolved",
                {"statistics": (artifact(107),), "anomalies": (artifact(108),)},
                "statistics of run run-7",
            ),
            ("EarlierData", "resolved", {}, "no other data"),
        ],
    )
    def test_names_the_run_of_the_result(self, node, state, outputs, origin):
        assert self.origin(execution(node=node, state=state, outputs=outputs)) == origin
