"""What a user types, what comes back, and with which exit code."""

from __future__ import annotations

import gc
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from click.testing import CliRunner
from journals import Story, evaluation, finished_run, whole_run
from mlflow_servers import free_port

from huberflow import __main__ as entry_points
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.pipeline.cli import main as cli
from huberflow.pipeline.config import Config
from huberflow.pipeline.config.writing import to_yaml
from huberflow.pipeline.execution import run as runs
from huberflow.pipeline.execution import sweep as sweeps
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report.result import Result
from huberflow.pipeline.resolve import grid as grids
from huberflow.pipeline.resolve.resolved_run import load

# Runs the command line, then prints the imported modules.
WITH_IMPORTS = """
import sys
from huberflow.pipeline.cli.main import main
try:
    main()
finally:
    print("IMPORTED", *{name.partition(".")[0] for name in sys.modules})
"""
# The digest of a run without tracking, as that run takes it.
INPUTS = """
from pathlib import Path
import huberflow.pipeline.cli
from huberflow.pipeline.resolve import run_inputs
asked = {"tracking": {"enabled": False}}
print(run_inputs.digest(asked, Path("workspace").absolute()))
"""
HEAVY = {"apache_beam", "mlflow", "numpy", "tensorflow", "tf_keras", "tfx"}


def huberflow(*arguments: str):
    return CliRunner().invoke(cli.cli, arguments)


def process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITH_IMPORTS, *arguments], capture_output=True, text=True, cwd=cwd
    )


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.search(r"^IMPORTED (.*)$", done.stdout, re.M)[1].split())


@pytest.fixture(autouse=True)
def _garbage_is_collected():
    """``compare`` leaves it to the end of its process; here that of all tests."""
    yield
    gc.enable()


@pytest.fixture
def execute(monkeypatch):
    """Replaces the run itself; each test sets its result."""
    stand_in = create_autospec(runs.execute)
    monkeypatch.setattr(runs, "execute", stand_in)
    return stand_in


def finished(*, blessed: bool) -> Result:
    return Result(EvaluationReport((), blessed, (), ()), pushed=None)


class TestHelp:
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_lists_every_verb_and_exit_code(self, option):
        done = huberflow(option)
        assert done.exit_code == 0
        for verb in cli.cli.commands:
            assert re.search(rf"^  {verb} ", done.output, re.M)
        for code in ("0 done and blessed", "1 failed", "2 the config", "3 not blessed"):
            assert code in " ".join(done.output.split())

    @pytest.mark.parametrize(
        "verb",
        [
            (),
            *[("run",), ("config",), ("sweep",), ("compare",), ("ui",), ("track",)],
            *[("verify",), ("serve",), ("predict",), ("init",), ("compile",)],
        ],
    )
    def test_the_examples_in_it_are_right(self, verb, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "signing.pub").touch()
        text = huberflow(*verb, "--help").output
        examples = re.findall(r"^ +(huberflow .*)$", text.replace("\\\n", ""), re.M)
        assert examples
        assert "\\b" not in text
        for example in examples:
            assert example.count("huberflow") == 1, "two examples have become one line"
            _, name, *words = shlex.split(example.partition(" > ")[0])
            context = cli.cli.commands[name].make_context(name, words)
            if not context.params.get("objects"):  # they are files of the user's
                assert grids.resolve(None, (), context.params["settings"]).trials

    def test_version(self):
        assert re.fullmatch(r".*, version \d+\.\d+\.\d+\n", huberflow("--version").output)


class TestConfig:
    def test_prints_the_default(self):
        done = huberflow("config")
        assert (done.exit_code, done.stdout) == (0, to_yaml(Config()))

    def test_prints_what_a_run_would_use(self, tmp_path):
        (tmp_path / "my.yaml").write_text("training: {epochs: 5}")
        done = huberflow("config", "--config", f"{tmp_path}/my.yaml", "--set", "seed=7")
        expected = load(None, ["training.epochs=5", "seed=7"])
        assert done.stdout == to_yaml(expected)

    @pytest.mark.parametrize("folder", ["runs", "2024", "null", "a: b", "~/runs"])
    def test_workspace_is_a_folder_whatever_its_name(self, folder, tmp_path):
        done = huberflow("config", "--workspace", folder)
        (tmp_path / "my.yaml").write_text(done.stdout)
        assert load(tmp_path / "my.yaml").workspace == Path(folder)

    def test_schema_holds_every_key(self):
        schema = json.loads(huberflow("config", "--schema").stdout)
        assert list(schema["properties"]) == list(Config.model_fields)
        assert "threshold" in json.dumps(schema["$defs"]["Training"]["properties"]["loss"])


class TestExitCode:
    @pytest.mark.parametrize(("blessed", "code"), [(True, 0), (False, 3)])
    def test_of_a_run_that_finished(self, execute, blessed, code):
        execute.return_value = finished(blessed=blessed)
        assert huberflow("run").exit_code == code

    def test_of_a_node_that_failed(self, execute):
        execute.side_effect = NodeFailedError("Trainer", ValueError("diverged"))
        execute.side_effect.details.append("log: /w/logs/1.log")
        done = huberflow("run")
        assert done.exit_code == 1
        assert done.stderr == "huberflow: Trainer failed: diverged\nhuberflow: log: /w/logs/1.log\n"

    def test_of_an_interrupt(self, execute):
        execute.side_effect = KeyboardInterrupt
        done = huberflow("run")
        assert done.exit_code == 130
        assert done.stderr.startswith("huberflow: interrupted; ")
        assert "run again" in done.stderr

    @pytest.mark.parametrize("verb", [("run",), ("sweep", "--set", "seed=1,2"), ("track",)])
    def test_of_a_workspace_in_use_or_that_is_a_file(self, verb, tmp_path):
        with Workspace(tmp_path).locked():
            used = huberflow(*verb, "--workspace", str(tmp_path))
        (tmp_path / "file").touch()
        file = huberflow(*verb, "--workspace", f"{tmp_path}/file")
        assert (used.exit_code, file.exit_code) == (2, 2)
        assert used.stderr.startswith(
            "huberflow: workspace: expected one that no other run is using"
        )
        assert "expected a folder that can be written" in file.stderr

    def test_of_a_wrong_config(self, execute):
        done = huberflow("run", "--set", "training.epochs=0", "--set", "training.loss.nme=x")
        assert done.exit_code == 2
        assert done.stdout == ""
        assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
            "training.loss.nme",
            "training.epochs",
        ]
        execute.assert_not_called()

    def test_of_an_unknown_option(self):
        assert huberflow("run", "--fast").exit_code == 2


class TestRun:
    def test_gets_config_cache_and_verbosity(self, execute):
        execute.return_value = finished(blessed=True)
        huberflow("run")
        huberflow("run", "--set", "seed=7", "--workspace", "w", "--no-cache", "--verbose")
        default, other = execute.call_args_list
        inputs = [call.kwargs.pop("inputs") for call in (default, other)]
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in inputs)
        assert default.args[0].config == Config()
        assert default.kwargs == {"cache": True, "verbose": False}
        assert other.args[0].config == load(None, ["seed=7", "workspace=w"])
        assert other.kwargs == {"cache": False, "verbose": True}


class TestSweep:
    GRID = ("--set", "training.loss.config.threshold=0.5,1", "--set", "seed=1,2")

    @pytest.fixture
    def sweep(self, monkeypatch):
        """Replaces the runs; each test sets their result."""
        stand_in = create_autospec(sweeps.execute)
        monkeypatch.setattr(sweeps, "execute", stand_in)
        return stand_in

    def test_dry_run_lists_the_trials_and_runs_none(self, sweep, tmp_path):
        done = huberflow("sweep", *self.GRID, "--dry-run", "--workspace", f"{tmp_path}/w")
        assert done.exit_code == 0
        assert done.stdout.splitlines() == [
            "  1  threshold=0.5 seed=1",
            "  2  threshold=0.5 seed=2",
            "  3  threshold=1 seed=1",
            "  4  threshold=1 seed=2",
        ]
        sweep.assert_not_called()
        assert not (tmp_path / "w").exists()

    def test_names_trials_that_would_repeat_another(self):
        done = huberflow("sweep", "--set", "seed=1,1,2", "--dry-run")
        assert done.stdout.splitlines() == [
            "dropped, because its config equals that of seed=1: seed=1",
            "  1  seed=1",
            "  2  seed=2",
        ]

    def test_a_wrong_trial_is_named_before_any_runs(self, sweep):
        done = huberflow("sweep", "--set", "training.epochs=5,0")
        assert done.exit_code == 2
        assert done.stderr.startswith("huberflow: training.epochs=0: training.epochs: ")
        sweep.assert_not_called()

    @pytest.mark.parametrize(("failed", "code"), [([], 0), ([("seed=1", "Trainer failed")], 1)])
    def test_ends_with_the_comparison(self, sweep, tmp_path, failed, code):
        journals = Workspace(tmp_path).journals
        Story(journals, "sweep-1", kind="sweep").ends()
        for run_id, huber in (("run-1", 0.5), ("run-2", 0.25)):
            found = evaluation(tmp_path / run_id, huber=huber)
            story = Story(journals, run_id, sweep="sweep-1")
            story.runs("Evaluator", outputs={"evaluation": found}).ends()
        sweep.return_value = sweeps.SweepResult("sweep-1", failed)
        done = huberflow("sweep", *self.GRID, "--workspace", str(tmp_path))
        assert done.exit_code == code
        assert "0.5" in done.stdout
        assert "0.25" in done.stdout
        assert done.stderr == ("huberflow: seed=1: Trainer failed\n" if failed else "")


class TestCompare:
    @pytest.fixture
    def workspace(self, tmp_path):
        """Two runs with results."""
        workspace = Workspace(tmp_path)
        for run_id, huber in (("run-1", 0.5), ("run-2", 0.25)):
            found = evaluation(tmp_path / run_id, huber=huber)
            story = Story(workspace.journals, run_id)
            story.runs("Evaluator", outputs={"evaluation": found}).ends()
        return workspace

    def compare(self, workspace, *arguments):
        return huberflow("compare", *arguments, "--workspace", str(workspace.root))

    def test_shows_what_differs(self, workspace):
        done = self.compare(workspace)
        assert done.exit_code == 0
        assert "0.25" in done.stdout
        assert "-50" in done.stdout

    def test_as_json_and_as_csv_which_has_a_line_per_run(self, workspace):
        as_json = self.compare(workspace, "run-2", "--json")
        as_csv = self.compare(workspace, "--csv")
        assert (as_json.exit_code, as_csv.exit_code) == (0, 0)
        assert "run-2" in json.dumps(json.loads(as_json.stdout))
        assert len(as_csv.stdout.splitlines()) == 3

    def test_without_runs_says_how_to_make_one(self, tmp_path):
        done = self.compare(Workspace(tmp_path))
        assert done.exit_code == 2
        assert done.stderr.startswith("huberflow: RUNS: ")
        assert done.stderr.endswith("; write: huberflow run\n")

    def test_of_an_unknown_name(self, workspace):
        done = self.compare(workspace, "run-3")
        assert done.exit_code == 2
        assert done.stderr.startswith("huberflow: run-3: ")
        assert "; write: run-2" in done.stderr

    def test_a_damaged_journal_is_named_and_the_others_are_shown(self, workspace):
        workspace.journal("run-0").write_text("{}\n")
        done = self.compare(workspace)
        assert done.exit_code == 0
        assert "0.25" in done.stdout
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"huberflow: {workspace.journal('run-0')}: ")


class TestTrack:
    def track(self, workspace, *arguments):
        return huberflow("track", *arguments, "--workspace", str(workspace.root))

    def test_dry_lists_what_is_not_delivered(self, tmp_path):
        workspace = Workspace(tmp_path)
        Story(workspace.journals, name="threshold=2").ends()
        done = self.track(workspace, "--dry-run")
        assert (done.exit_code, done.stdout) == (0, "run-1  threshold=2\n")

    @pytest.mark.parametrize("dry", [["--dry-run"], []])
    def test_a_run_that_cannot_be_delivered_is_named(self, dry, tmp_path):
        workspace = Workspace(tmp_path)
        workspace.journals.mkdir()
        workspace.journal("run-1").write_text("{}\n")
        done = self.track(workspace, *dry)
        assert done.exit_code == 1
        assert done.stderr.startswith(f"huberflow: {workspace.journal('run-1')}: ")

    def test_of_a_workspace_without_runs_makes_none(self, tmp_path):
        done = self.track(Workspace(tmp_path / "workspace"))
        assert (done.exit_code, done.stdout) == (0, "delivered 0, already there 0\n")
        assert done.stderr.endswith("huberflow track --metadata metadata.db\n")
        assert not list(tmp_path.iterdir())

    def test_a_server_that_is_not_there_is_one_line(self, tmp_path):
        workspace = Workspace(tmp_path)
        for run_id in ("run-1", "run-2"):
            Story(workspace.journals, run_id).ends()
        address = f"http://127.0.0.1:{free_port()}"
        done = self.track(workspace, "--set", f"tracking.uri={address}")
        assert (done.exit_code, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"huberflow: {address}: ")
        assert line.endswith(f"write: curl {address}/health")

    def test_a_wrong_address_is_refused(self, tmp_path):
        done = self.track(Workspace(tmp_path), "--set", "tracking.uri=./mlruns")
        assert done.exit_code == 2
        assert "tracking.uri: expected the address of an MLflow server" in done.stderr


class TestCompile:
    ARGUMENTS = ("compile", "--target", "kubeflow", "--image", "huberflow:1")

    def test_without_kfp_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "kfp", None)
        monkeypatch.setattr(sys, "argv", ["huberflow", *self.ARGUMENTS])
        with pytest.raises(SystemExit, match="huberflow compile needs Kubeflow Pipelines: "):
            entry_points.main()

    def test_of_a_config_that_lacks_what_a_cluster_needs(self, tmp_path):
        pytest.importorskip("kfp", reason="kfp is missing; write: uv pip install 'kfp==2.16.*'")
        done = process(*self.ARGUMENTS, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("huberflow: kubeflow.volume: expected the Persistent")
        assert not (HEAVY - {"numpy"}) & imported(done)
        assert not list(tmp_path.iterdir())

    def test_of_a_file_that_cannot_be_written(self, tmp_path):
        pytest.importorskip("kfp", reason="kfp is missing; write: uv pip install 'kfp==2.16.*'")
        settings = ("--set=kubeflow.volume=models", "--set=tracking.enabled=false")
        done = huberflow(*self.ARGUMENTS, *settings, f"--output={tmp_path}/none/pipeline.yaml")
        assert done.exit_code == 2
        assert done.stderr.startswith("huberflow: --output: ")
        assert f"{tmp_path}/none/pipeline.yaml (No such file or directory)" in done.stderr
        assert done.stderr.endswith("; write: --output pipeline.yaml\n")


class TestUi:
    def test_of_a_server_says_where_it_is(self, tmp_path):
        uri = "tracking.uri=http://ann:hunter2@mlflow.example:5000"
        done = huberflow("ui", "--workspace", f"{tmp_path}/w", "--set", uri)
        assert done.exit_code == 0
        assert done.stdout == "the runs are on a server: http://***@mlflow.example:5000\n"
        assert not (tmp_path / "w").exists()

    @pytest.mark.parametrize("port", ["many", "-1", "99999"])
    def test_a_wrong_port_is_a_message(self, port, tmp_path):
        done = huberflow("ui", "--workspace", str(tmp_path), "--port", port)
        assert done.exit_code == 2
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr


class TestProcess:
    """The real thing, from the shell's side."""

    def test_wrong_config_is_found_at_once(self, tmp_path):
        done = process("run", "--set", "training.epochs=0", "--set", "seed=-1", cwd=tmp_path)
        assert done.returncode == 2
        assert [line[:11] for line in done.stderr.splitlines()] == ["huberflow: "] * 2
        assert not imported(done) & HEAVY
        assert not list(tmp_path.iterdir()), "a wrong config must leave no trace"

    @pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("config",)])
    def test_verbs_that_need_no_tensorflow_do_not_wait_for_it(self, arguments, tmp_path):
        done = process(*arguments, cwd=tmp_path)
        assert done.returncode == 0
        assert not imported(done) & HEAVY

    @pytest.mark.parametrize(
        "arguments",
        [
            ("sweep", "--set", "seed=1,2", "--dry-run"),
            ("compare",),
            ("track", "--dry-run"),
            ("ui", "--help"),
            ("doctor",),
        ],
    )
    def test_verbs_that_only_look_import_no_tensorflow_and_no_mlflow(self, arguments, tmp_path):
        whole_run(Workspace(tmp_path / "workspace")).ends()
        done = process(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert not imported(done) & {"apache_beam", "mlflow", "tensorflow", "tf_keras", "tfx"}

    def test_a_run_in_which_nothing_has_changed_loads_nothing(self, tmp_path):
        workspace = Workspace(tmp_path / "workspace")
        asked = subprocess.run(
            [sys.executable, "-c", INPUTS], capture_output=True, text=True, cwd=tmp_path
        )
        finished_run(workspace, facts={"inputs": asked.stdout.strip()}).ends()
        done = process("run", "--set", "tracking.enabled=false", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "nothing has changed since" in done.stdout
        assert not imported(done) & {"apache_beam", "mlflow", "tensorflow", "tf_keras", "tfx"}

    def test_tensorflow_will_be_told_to_use_keras_2(self, tmp_path):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        done = subprocess.run(
            [sys.executable, "-c", "import os, huberflow.pipeline.cli; print(os.environ)"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert "'TF_USE_LEGACY_KERAS': '1'" in done.stdout
