"""The tags of experiments, runs and nodes."""

import json
from pathlib import Path

import pytest
from journals import Story, evaluation, whole_run

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.resolve.resolved_run import load
from huberflow.pipeline.tracking import tags as run_tags


@pytest.fixture
def started(tmp_path):
    """A run with this beginning; it has done nothing yet."""

    def started(*settings: str, facts=None, **begin) -> run_history.Run:
        config = load(None, settings).plain()
        facts = {"log": "none", **(facts or {})}
        return run_history.read_run(Story(tmp_path, config=config, facts=facts, **begin).path)

    return started


def whole(folder: Path, status="done", **options) -> run_history.Run:
    return run_history.read_run(whole_run(Workspace(folder), **options).ends(status).path)


class TestExperiment:
    def test_is_the_configs_else_the_models_name(self):
        assert load(None, ["name=bikes"]).experiment == "bikes"
        assert load(None, ["name=bikes", "tracking.experiment=fares"]).experiment == "fares"

    @pytest.mark.parametrize(
        ("gate", "greater"),
        [("{metric: mae, upper_bound: 3.0}", False), ("{metric: mae, max_decrease: 0.1}", True)],
    )
    def test_begins_with_the_metric_of_the_gate_the_best_first(self, started, gate, greater):
        tags = run_tags.of_experiment(started(f"evaluation.gate=[{gate}]"))
        assert tags["mlflow.experiment.primaryMetric.name"] == "evaluation/mae"
        assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == str(greater)
        view = json.loads(tags["mlflow.sharedViewState.huberflow"])
        assert json.loads(view["state"])["orderByAsc"] is not greater


class TestTagsOfARun:
    def test_name_the_code_in_gits_words(self, started):
        git = {"commit": "c0ffee", "branch": "main", "dirty": False, "remote": "https://g/r"}
        tags = run_tags.of_started_run(started(facts={"git": git}))
        assert {key: value for key, value in tags.items() if "git" in key} == {
            "mlflow.source.git.commit": "c0ffee",
            "mlflow.source.git.branch": "main",
            "mlflow.source.git.repoURL": "https://g/r",
            "mlflow.source.git.dirty": "false",
        }

    def test_leave_out_what_is_not_known(self, started):
        tags = run_tags.of_started_run(started())
        assert set(tags) == {"huberflow.run", "huberflow.kind", "mlflow.source.type"}
        git = {"commit": "c0ffee", "branch": None, "dirty": True, "remote": None}
        tags = run_tags.of_started_run(started(facts={"git": git}))
        assert "mlflow.source.git.branch" not in tags
        assert tags["mlflow.source.git.dirty"] == "true"

    def test_name_versions_user_command_and_sweep(self, started):
        facts = {"versions": {"tfx": "1.21.0"}, "user": "ada", "command": "huberflow run"}
        tags = run_tags.of_started_run(started(facts=facts, sweep="sweep-1"))
        assert tags["huberflow.version.tfx"] == "1.21.0"
        assert tags["mlflow.user"] == "ada"
        assert tags["mlflow.source.name"] == "huberflow run"
        assert tags["huberflow.sweep"] == "sweep-1"


class TestTagsOfANode:
    def test_lead_to_its_metadata(self, tmp_path):
        node = whole(tmp_path).nodes["Trainer"]
        tags = run_tags.of_node(node)
        assert tags["huberflow.metadata.execution"] == str(node.execution.id)
        assert json.loads(tags["huberflow.metadata.artifacts"]) == {
            key: [artifact.id for artifact in found]
            for key, found in node.execution.outputs.items()
        }

    def test_say_why_it_failed_or_that_it_was_killed(self, tmp_path):
        story = Story(tmp_path).starts("Trainer").fails("Trainer", "diverged")
        tags = run_tags.of_node(run_history.read_run(story.path).nodes["Trainer"])
        assert tags == {"huberflow.state": "failed", "mlflow.note.content": "diverged"}
        story = Story(tmp_path, "killed").starts("Trainer").ends("killed")
        tags = run_tags.of_node(run_history.read_run(story.path).nodes["Trainer"])
        assert tags["mlflow.note.content"] == "did not finish"


class TestTagsAtTheEnd:
    def test_report_how_it_ended_and_what_serves(self, tmp_path):
        tags = run_tags.of_ended_run(whole(tmp_path), "taxi/1")
        assert tags["huberflow.status"] == "done"
        assert tags["huberflow.blessed"] == "true"
        assert tags["huberflow.model"] == "taxi/1"
        assert (tags["huberflow.pushed"], tags["huberflow.pushed_version"]) == (
            "/serving/taxi/1",
            "1",
        )

    def test_say_nothing_of_a_push_that_was_none(self, tmp_path):
        tags = run_tags.of_ended_run(whole(tmp_path, blessed=False), "taxi/1")
        assert tags["huberflow.blessed"] == "false"
        assert "huberflow.pushed" not in tags

    def test_of_a_run_that_failed_name_the_node_and_the_cause(self, tmp_path):
        story = Story(tmp_path).runs("Transform").starts("Trainer").fails("Trainer", "diverged")
        tags = run_tags.of_ended_run(run_history.read_run(story.ends("failed").path), None)
        assert (tags["huberflow.failed_node"], tags["huberflow.cause"]) == ("Trainer", "diverged")
        assert tags["mlflow.note.content"].startswith("**Trainer failed:** diverged")
        assert "huberflow.model" not in tags


class TestNote:
    def test_says_why_a_model_was_not_blessed(self, tmp_path):
        text = run_tags.summary(whole(tmp_path, blessed=False))
        assert text.startswith("**Not blessed.**")
        assert "- huber of all rows is 0.75, above the upper bound 0.5" in text

    def test_is_the_verdict_the_metrics_and_the_settings(self, tmp_path):
        text = run_tags.summary(whole(tmp_path, facts={"log": "none", "changes": {"seed": 7}}))
        assert text.startswith("**Blessed.**")
        assert "huber 0.75" in text
        assert "`seed=7`" in text

    def test_of_a_metric_without_a_value(self, tmp_path):
        found = evaluation(tmp_path / "e", huber=float("nan"))
        story = Story(tmp_path).runs("Evaluator", outputs={"evaluation": found}).ends()
        assert "huber -" in run_tags.summary(run_history.read_run(story.path))

    def test_of_a_sweep_says_how_it_ended(self, tmp_path):
        story = Story(tmp_path, kind="sweep").ends("interrupted")
        assert run_tags.summary(run_history.read_run(story.path)) == "sweep interrupted"


def test_what_is_too_long_for_a_tag_is_cut_and_says_so(tmp_path):
    story = Story(tmp_path / "journal").starts("Transform").fails("Transform", "x" * 9000)
    tags = run_tags.of_ended_run(run_history.read_run(story.ends("failed").path), None)
    assert len(tags["huberflow.cause"]) == 8000
    assert tags["huberflow.cause"].endswith("x ... (cut; the whole text is in the workspace)")
