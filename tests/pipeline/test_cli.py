"""What a user types, what comes back, and with which exit code."""

from __future__ import annotations

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

import pipeline.run
from pipeline import cli
from pipeline.config import Config
from pipeline.config_file import load, to_yaml
from pipeline.result import Result
from pipeline.run import PipelineError
from pipeline.workspace import Workspace

# Runs the command line, then tells what it imported.
WITH_IMPORTS = """
import sys
from pipeline.cli import main
try:
    main()
finally:
    print("IMPORTED", *{name.partition(".")[0] for name in sys.modules})
"""
HEAVY = {"apache_beam", "mlflow", "numpy", "tensorflow", "tf_keras", "tfx"}


def huberflow(*arguments: str):
    return CliRunner().invoke(cli.cli, arguments)


def process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITH_IMPORTS, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
    )


def imported(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.search(r"^IMPORTED (.*)$", done.stdout, re.M)[1].split())


@pytest.fixture
def execute(monkeypatch):
    """Stands in for the run itself; each test says how it ends."""
    stand_in = create_autospec(pipeline.run.execute)
    monkeypatch.setattr(pipeline.run, "execute", stand_in)
    return stand_in


def finished(*, blessed: bool) -> Result:
    return Result(report={"blessed": blessed}, pushed=None, anomalies=[])


class TestHelp:
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_lists_every_verb_and_exit_code(self, option):
        done = huberflow(option)
        assert done.exit_code == 0
        for verb in cli.cli.commands:
            assert re.search(rf"^  {verb} ", done.output, re.M)
        for code in ("0 done and blessed", "1 failed", "2 the config", "3 not blessed"):
            assert code in " ".join(done.output.split())

    @pytest.mark.parametrize("verb", [(), ("run",), ("config",)])
    def test_the_examples_in_it_are_right(self, verb):
        text = huberflow(*verb, "--help").output
        examples = re.findall(r"^ +(huberflow .*)$", text, re.M)
        assert examples
        assert "\\b" not in text
        for example in examples:
            assert example.count("huberflow") == 1, "two examples have become one line"
            _, name, *words = shlex.split(example.partition(" > ")[0])
            context = cli.cli.commands[name].make_context(name, words)
            assert isinstance(load(None, context.params["settings"]), Config)

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

    def test_what_it_prints_is_a_config_file(self, tmp_path):
        (tmp_path / "my.yaml").write_text(huberflow("config", "--set", "seed=7").stdout)
        assert load(tmp_path / "my.yaml").seed == 7

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
        execute.side_effect = PipelineError("Trainer failed: diverged\nlog: /w/logs/1.log")
        done = huberflow("run")
        assert done.exit_code == 1
        assert done.stderr == "huberflow: Trainer failed: diverged\nhuberflow: log: /w/logs/1.log\n"

    def test_of_an_interrupt(self, execute):
        execute.side_effect = KeyboardInterrupt
        done = huberflow("run")
        assert done.exit_code == 130
        assert done.stderr.startswith("huberflow: interrupted; ")
        assert "run again" in done.stderr

    def test_of_a_workspace_in_use(self, tmp_path):
        with Workspace(tmp_path).locked():
            done = huberflow("run", "--workspace", str(tmp_path))
        assert done.exit_code == 2
        assert done.stderr.startswith("huberflow: another run is using the workspace ")

    def test_of_a_workspace_that_is_a_file(self, tmp_path):
        (tmp_path / "file").touch()
        done = huberflow("run", "--workspace", f"{tmp_path}/file")
        assert done.exit_code == 2
        assert "expected a folder that can be written" in done.stderr

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
    def test_hands_over_config_cache_and_verbosity(self, execute):
        execute.return_value = finished(blessed=True)
        huberflow("run", "--set", "seed=7", "--workspace", "w", "--no-cache", "--verbose")
        config = load(None, ["seed=7", "workspace=w"])
        execute.assert_called_once_with(config, cache=False, verbose=True)

    def test_reuses_and_is_quiet_by_default(self, execute):
        execute.return_value = finished(blessed=True)
        huberflow("run")
        execute.assert_called_once_with(Config(), cache=True, verbose=False)


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

    def test_is_installed_under_its_name(self, tmp_path):
        command = Path(sys.executable).with_name("huberflow")
        done = subprocess.run([command, "config"], capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout == to_yaml(Config())

    def test_tensorflow_will_be_told_to_use_keras_2(self, tmp_path):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        done = subprocess.run(
            [sys.executable, "-c", "import os, pipeline.cli; print(os.environ)"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        assert "'TF_USE_LEGACY_KERAS': '1'" in done.stdout
