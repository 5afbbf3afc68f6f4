"""track, compare and ui over the runs of pipelines that are not huberflow's."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from written_metadata import Metadata

from huberflow.components.contracts.evaluation_report import EvaluationReport, SliceMetrics
from huberflow.pipeline.cli import main as cli
from huberflow.pipeline.history.workspace import Workspace


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A metadata store with two runs, in the folder in which the commands are typed."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path)
    metadata = Metadata(workspace)
    for number, steps in enumerate((10, 20), start=1):
        metadata.execution("Trainer", f"run-{number}", properties={"steps": steps})
        values = {"example_count": 40.0, "auc": 0.5 + number / 10, "surprise": 1.0 * number}
        folder = tmp_path / f"evaluation-{number}"
        folder.mkdir()
        report = EvaluationReport(tuple(values), True, (), (SliceMetrics({}, values),))
        report.write(folder / "report.json")
        output = [("evaluation", metadata.artifact(str(folder)))]
        metadata.execution("Evaluator", f"run-{number}", outputs=output)
    return workspace.metadata


def huberflow(*arguments: object):
    return CliRunner().invoke(cli.cli, list(map(str, arguments)))


def refusal(*arguments: object) -> str:
    answer = huberflow(*arguments)
    assert answer.exit_code == 2, answer.output
    return answer.output


class TestCompare:
    def test_shows_settings_and_metrics_that_differ(self, store):
        answer = huberflow("compare", "--metadata", store, "--json")
        assert answer.exit_code == 0, answer.output
        found = json.loads(answer.stdout)
        assert [row["params"] for row in found["rows"]] == [{"steps": "10"}, {"steps": "20"}]
        best = [
            {key: each["best"] for key, each in row["metrics"].items()} for row in found["rows"]
        ]
        assert [each["auc"] for each in best] == [False, True]
        assert [each["surprise"] for each in best] == [False, False]  # who knows

    def test_selects_runs_by_name(self, store):
        answer = huberflow("compare", "--metadata", store, "latest", "--json")
        assert [row["run"] for row in json.loads(answer.stdout)["rows"]] == ["run-2"]


class TestTrack:
    def test_dry_run_lists_the_runs(self, store, tmp_path):
        answer = huberflow("track", "--metadata", store, "--dry-run")
        assert answer.exit_code == 0, answer.output
        assert [line.split()[0] for line in answer.stdout.splitlines()] == ["run-1", "run-2"]
        assert not (tmp_path / "mlflow.db").exists()

    def test_of_a_server_that_is_down_fails_in_a_line(self, store):
        answer = huberflow(
            "track", "--metadata", store, "--tracking-uri", "http://ann:hunter2@127.0.0.1:9"
        )
        assert answer.exit_code == 1
        assert "cannot be reached" in answer.output
        assert "hunter2" not in answer.output
        assert len(answer.output.splitlines()) == 1


class TestRefused:
    @pytest.mark.parametrize("verb", ["track", "compare"])
    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            (["--metadata", "nothing.db"], ["no such file"]),
            (["--metadata", "metadata.sqlite", "--pipeline", "bikes"], ["one of taxi", "'bikes'"]),
            (["--metadata", "metadata.sqlite", "--workspace", "w"], ["--workspace", "--set"]),
            (["--metadata", "metadata.sqlite", "--set", "seed=7"], ["seed=7"]),
            (["--pipeline", "taxi"], ["--metadata metadata.db --pipeline taxi"]),
        ],
    )
    def test_in_one_line_with_what_to_write(self, store, verb, arguments, parts):
        line = refusal(verb, *arguments)
        assert len(line.splitlines()) == 1
        assert all(part in line for part in parts), line

    def test_the_store_of_a_workspace_has_better_records(self, store, tmp_path):
        (tmp_path / "journal").mkdir()
        assert f"write: --workspace {tmp_path}" in refusal("track", "--metadata", store)

    def test_an_experiment_of_a_workspace_is_in_its_config(self):
        assert "--set tracking.experiment=fares" in refusal("track", "--experiment", "fares")
