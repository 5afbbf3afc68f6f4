"""A run in which nothing would run shows the last result, unless anything is in doubt."""

import os
import shutil

import pytest
from journals import Story, finished_run

from huberflow.pipeline.execution import unchanged
from huberflow.pipeline.history.workspace import Workspace

INPUTS = "c0ffee"


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "workspace")
    workspace.root.mkdir()
    return workspace


def run(workspace, run_id="run-1", *, inputs=INPUTS, **how) -> Story:
    """A run that was judged, and has not ended yet."""
    return finished_run(workspace, run_id, facts={"inputs": inputs}, **how)


def found(workspace, inputs=INPUTS) -> str | None:
    it = unchanged.find(workspace, inputs)
    return it and it.run.id


class TestIsRecognized:
    def test_where_the_inputs_are_those_of_the_newest_run(self, workspace):
        run(workspace).ends()
        assert found(workspace) == "run-1"

    def test_whether_the_model_was_blessed_or_not(self, workspace):
        run(workspace, blessed=False).ends()
        assert unchanged.find(workspace, INPUTS).result.report.blessed is False

    def test_and_shown_with_its_table_and_what_to_write_instead(self, workspace, capsys):
        run(workspace).ends()
        unchanged.show(unchanged.find(workspace, INPUTS), workspace)
        printed = capsys.readouterr().out
        lines = printed.splitlines()
        assert lines[0] == "run run-1"
        assert "--no-cache" in lines[1]
        for start in ("metric ", "huber ", "blessed ", "pushed ", "log "):
            assert any(line.startswith(start) for line in lines), printed
        assert not any(line.startswith("mlflow") for line in lines), "it is not tracked"

    def test_and_shown_with_the_way_to_mlflow(self, workspace, capsys):
        run(workspace, tracked=True).ends()
        receipt = '{"server": "http://here", "run": "r", "experiment": "3", "complete": true}'
        (workspace.journals / "run-1.tracked.json").write_text(receipt)
        unchanged.show(unchanged.find(workspace, INPUTS), workspace)
        assert "mlflow        http://here/#/experiments/3/runs/r" in capsys.readouterr().out


class TestIsInDoubt:
    def test_in_a_new_workspace(self, workspace):
        assert found(workspace) is None

    @pytest.mark.parametrize("inputs", ["decaf", ""])
    def test_with_other_or_unknown_inputs(self, workspace, inputs):
        run(workspace, inputs="" if inputs == "" else INPUTS).ends()
        assert found(workspace, inputs) is None

    @pytest.mark.parametrize("status", ["failed", "interrupted", "killed"])
    def test_after_a_run_that_did_not_end_well(self, workspace, status):
        run(workspace).ends(status)
        assert found(workspace) is None

    def test_while_a_run_goes_on(self, workspace):
        run(workspace)
        assert found(workspace) is None

    def test_after_another_run(self, workspace):
        """Its model may be the one to beat now, or be what serves."""
        first = run(workspace).ends()
        run(workspace, "run-2", inputs="decaf").ends()
        os.utime(first.path, ns=(0, 0))
        assert found(workspace) is None

    def test_after_a_sweep(self, workspace):
        first = run(workspace).ends()
        Story(workspace.journals, "run-2", kind="sweep", facts={"inputs": INPUTS}).ends()
        os.utime(first.path, ns=(0, 0))
        assert found(workspace) is None

    @pytest.mark.parametrize("gone", ["artifacts/run-1", "artifacts/run-1/v", "metadata.sqlite"])
    def test_where_anything_that_it_wrote_is_gone(self, workspace, gone):
        run(workspace).ends()
        path = workspace.root / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert found(workspace) is None

    def test_where_the_pushed_model_is_gone(self, workspace):
        run(workspace).ends()
        shutil.rmtree(workspace.serving("taxi") / "1")
        assert found(workspace) is None

    def test_where_a_report_is_damaged(self, workspace):
        run(workspace).ends()
        (workspace.artifacts / "run-1/e/report.json").write_text("{")
        assert found(workspace) is None

    @pytest.mark.parametrize("damage", ["", "{", "half a line"])
    def test_where_the_newest_journal_is_damaged(self, workspace, damage):
        first = run(workspace).ends()
        os.utime(first.path, ns=(0, 0))
        (workspace.journals / "run-2.jsonl").write_text(damage)
        assert found(workspace) is None

    def test_where_a_run_waits_for_delivery(self, workspace):
        run(workspace, tracked=True).ends()
        assert found(workspace) is None
