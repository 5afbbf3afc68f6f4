"""A node's config as parameters that a tracking server takes."""

import hashlib
from dataclasses import replace

import hostile_names
import property_settings
import pytest
from hypothesis import given
from journals import Story
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, MAX_PARAM_VAL_LENGTH

from huberflow.pipeline.history import run_history
from huberflow.pipeline.tracking import params


def run_with(tmp_path, run_id="run-1", **properties_by_node) -> run_history.Run:
    """A run whose nodes have these properties."""
    story = Story(tmp_path, run_id)
    for node, properties in properties_by_node.items():
        story.runs(node, properties=properties)
    return run_history.read_run(story.path)


@pytest.fixture
def of_trainer(tmp_path):
    def of_trainer(**properties) -> dict[str, str]:
        return params.of_node(run_with(tmp_path, Trainer=properties).nodes["Trainer"])

    return of_trainer


CODE = {"source": {"a.py": "1", "model.py": "2"}}


def with_code(sources: dict[str, str]) -> dict:
    return {"custom_config": {"source": sources}}


class TestOfANode:
    def test_are_flat_under_dotted_keys(self, of_trainer):
        loss = {"name": "HuberLoss", "config": {"threshold": 2.0}}
        found = of_trainer(custom_config={"training": {"loss": loss}}, run_fn="a.run_fn")
        assert found == {
            "training.loss.name": "HuberLoss",
            "training.loss.config.threshold": "2.0",
            "run_fn": "a.run_fn",
        }

    def test_of_a_schedule_are_below_the_learning_rate(self, of_trainer):
        rate = {"name": "CosineDecay", "config": {"decay_steps": 100}}
        optimizer = {"name": "AdamW", "config": {"learning_rate": rate, "use_ema": True}}
        found = of_trainer(custom_config={"training": {"optimizer": optimizer}})
        assert found == {
            "training.optimizer.name": "AdamW",
            "training.optimizer.config.learning_rate.name": "CosineDecay",
            "training.optimizer.config.learning_rate.config.decay_steps": "100",
            "training.optimizer.config.use_ema": "true",
        }

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("text", "text"),
            (2.0, "2.0"),
            (True, "true"),
            (None, "null"),
            ([64, 32], "[64, 32]"),
            ({"0": [1]}, None),
        ],
    )
    def test_are_text_as_in_json(self, of_trainer, value, text):
        found = of_trainer(key=value)
        assert found == ({"key": text} if text else {"key.0": "[1]"})

    def test_have_no_secrets(self, of_trainer):
        found = of_trainer(db_password="hunter2", beam_args=["--token=hunter2"])
        assert "hunter2" not in repr(found)
        assert set(found) == {"db_password", "beam_args"}

    def test_that_are_too_long_become_a_hash(self, of_trainer):
        text = "a" * (MAX_PARAM_VAL_LENGTH + 1)
        assert of_trainer(key=text)["key"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        assert of_trainer(key=text[1:])["key"] == text[1:]

    def test_of_one_that_failed_are_none(self, tmp_path):
        story = Story(tmp_path).starts("Trainer").fails("Trainer", "diverged")
        assert params.of_node(run_history.read_run(story.path).nodes["Trainer"]) == {}


class TestOfARun:
    def test_are_those_of_all_nodes_under_their_names(self, tmp_path):
        run = run_with(tmp_path, ExampleGen={"input_base": "/data"}, Trainer={"seed": 1})
        assert params.of_run(run) == {
            "beam.runner": "local",
            "ExampleGen.input_base": "/data",
            "Trainer.seed": "1",
        }

    def test_say_where_its_rows_were_processed_and_no_secret(self, tmp_path):
        options = {"flink_master": "a:8081", "s3_secret_access_key": "hunter2"}
        run = replace(run_with(tmp_path), config={"beam": {"runner": "flink", "options": options}})
        assert params.of_run(run) == {
            "beam.runner": "flink",
            "beam.options.flink_master": "a:8081",
            "beam.options.s3_secret_access_key": "***",
        }


class TestKeys:
    def test_that_mlflow_takes_stay_as_they_are(self):
        assert params.shortened("nodes/Trainer.peak_memory-mb: 1") == (
            "nodes/Trainer.peak_memory-mb: 1"
        )

    @pytest.mark.parametrize("key", ["custom>HuberLoss", "a@b", "größe%", "k" * 300, "a,b" * 100])
    def test_that_it_would_refuse_become_such_that_it_takes(self, key):
        from mlflow.utils.validation import _validate_param

        _validate_param(params.shortened(key), "value")

    @property_settings.properties
    @given(hostile_names.tables)
    def test_of_columns_are_such_that_it_takes_each_one_of_its_own(self, names):
        from mlflow.utils.validation import _validate_metric_name, _validate_param

        keys = [params.shortened(f"{group}{name}") for group in ("skew/", "") for name in names]
        assert len(set(keys)) == len(keys)
        for key in keys:
            _validate_metric_name(key)
            _validate_param(key, "value")

    def test_never_become_the_same(self):
        long = "k" * MAX_ENTITY_KEY_LENGTH
        keys = ["a>b", "a<b", "a_b", f"{long}1", f"{long}2", long]
        assert len({params.shortened(key) for key in keys}) == len(keys)


class TestSourceFingerprint:
    @pytest.mark.parametrize(
        "config",
        [with_code({"model.py": "2", "a.py": "1"}), {"custom_config": {**CODE, "seed": 2}}],
        ids=["another order", "another config"],
    )
    def test_is_the_same_for_the_same_code(self, tmp_path, config):
        one = run_with(tmp_path, "a", Trainer={"custom_config": CODE})
        assert params.source_fingerprint(one) == params.source_fingerprint(
            run_with(tmp_path, "b", Trainer=config)
        )

    def test_changes_with_any_file_of_any_node(self, tmp_path):
        one, two = with_code({"a.py": "1"}), with_code({"a.py": "2"})
        nodes = [
            {"Trainer": one, "Evaluator": one},
            {"Trainer": two, "Evaluator": one},
            {"Trainer": one, "Evaluator": two},
            {"Trainer": one},
        ]
        runs = [run_with(tmp_path, f"run-{number}", **each) for number, each in enumerate(nodes)]
        assert len({params.source_fingerprint(run) for run in runs}) == len(runs)
