"""What a run says of why each node ran."""

from __future__ import annotations

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


class TestNothingToCompareWith:
    def test_first_run(self):
        assert why(execution()) == "first run"

    def test_only_unfinished_runs(self):
        assert why(execution(), execution(1, state="failed")) == "its first run did not finish"


class TestChanges:
    def test_config_is_named_old_to_new(self):
        now, before = execution(config={"epochs": 5}), execution(1, config={"epochs": 12})
        assert why(now, before) == "config: training.epochs: 12 -> 5"

    def test_config_deep_down(self):
        def loss(threshold):
            return {"loss": {"name": "HuberLoss", "config": {"threshold": threshold}}}

        assert why(execution(config=loss(2.0)), execution(1, config=loss(1.0))) == (
            "config: training.loss.config.threshold: 1.0 -> 2.0"
        )

    def test_another_loss_is_named_before_it_is_called_one_of_many(self):
        huber = {"loss": {"name": "HuberLoss", "config": {"threshold": 1.0}}}
        absolute = {"loss": {"name": "MeanAbsoluteError", "config": {}}}
        assert why(execution(config=absolute), execution(1, config=huber)) == (
            "config: training.loss.config.threshold: 1.0 -> None, "
            "training.loss.name: HuberLoss -> MeanAbsoluteError"
        )

    def test_config_in_a_list(self):
        now = execution(config={"metrics": [{"name": "HuberMetric"}, {"name": "LogCosh"}]})
        before = execution(1, config={"metrics": [{"name": "HuberMetric"}]})
        assert why(now, before) == "config: training.metrics.1.name: None -> LogCosh"

    def test_many_changes_are_counted(self):
        now = execution(config={"a": 1, "b": 1, "c": 1, "d": 1})
        before = execution(1, config={"a": 0, "b": 0, "c": 0, "d": 0})
        assert why(now, before) == "config: training.a: 0 -> 1, training.b: 0 -> 1 and 2 more"

    def test_long_values_are_cut(self):
        now, before = execution(config={"path": "/x" * 100}), execution(1, config={"path": "/y"})
        line = why(now, before)
        assert line.startswith("config: training.path: /y -> /x/x")
        assert line.endswith("...")
        assert len(line) < 80

    def test_code_is_named_by_file(self):
        now = execution(
            source={"components/training/trainer.py": "new", "components/training/model.py": "same"}
        )
        before = execution(
            1,
            source={
                "components/training/trainer.py": "old",
                "components/training/model.py": "same",
            },
        )
        assert why(now, before) == "code: components/training/trainer.py"

    def test_a_new_file(self):
        now, before = execution(source={"components/extra.py": "new"}), execution(1)
        assert why(now, before) == "code: components/extra.py"

    def test_new_input(self):
        now = execution(inputs={"transform_graph": (artifact(2),), "examples": (artifact(1),)})
        before = execution(
            1, inputs={"transform_graph": (artifact(3),), "examples": (artifact(1),)}
        )
        assert why(now, before) == "new input: transform graph"

    def test_an_input_that_is_no_more(self):
        now = execution(inputs={"model": (artifact(2),)})
        before = execution(1, inputs={"model": (artifact(2),), "baseline_model": (artifact(3),)})
        assert why(now, before) == "new input: baseline model"

    def test_the_order_of_an_inputs_artifacts_is_no_change(self):
        now = execution(inputs={"examples": (artifact(1), artifact(2))})
        before = execution(1, inputs={"examples": (artifact(2), artifact(1))})
        assert why(now, before) == "its earlier result is gone"

    def test_all_of_them_together(self):
        now = execution(config={"epochs": 5}, source={"a.py": "1"}, inputs={"x": (artifact(2),)})
        before = execution(1, source={"a.py": "0"}, inputs={"x": (artifact(1),)})
        assert why(now, before) == ("config: training.epochs: 12 -> 5; code: a.py; new input: x")

    def test_are_counted_from_the_last_run_that_finished(self):
        now = execution(config={"epochs": 5})
        unfinished = execution(2, config={"epochs": 7}, state="failed")
        finished = execution(1, config={"epochs": 12})
        assert why(now, unfinished, finished) == "config: training.epochs: 12 -> 5"


class TestNoChange:
    def test_last_run_did_not_finish(self):
        earlier = [execution(2, state="failed"), execution(1)]
        assert why(execution(), *earlier) == "its last run did not finish"

    def test_result_is_gone(self):
        assert why(execution(), execution(1)) == "its earlier result is gone"

    def test_cache_is_off(self):
        assert why(execution(), execution(1), cache=False) == "--no-cache"

    def test_cache_is_off_and_config_changed(self):
        now = execution(config={"epochs": 5})
        assert why(now, execution(1), cache=False) == "--no-cache"


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
