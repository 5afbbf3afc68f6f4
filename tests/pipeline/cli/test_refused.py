"""What is wrong beside the data: one line that says what to write, exit code 2, nothing written."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from tiny_objects import loss

from huberflow.pipeline.cli.main import cli
from huberflow.pipeline.execution import run as runs
from huberflow.pipeline.execution.run import Sweep
from huberflow.pipeline.execution.sweep_worker import TrialJob, run_trial
from huberflow.pipeline.history import workspace
from huberflow.pipeline.history.workspace import VERSION, Workspace
from huberflow.pipeline.resolve.resolved_run import load


def told(*arguments: str, code: int = 2) -> list[str]:
    """The lines that the command says before it ends with this code."""
    done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, done.stdout) == (code, ""), (done.stdout, done.exception)
    lines = done.stderr.splitlines()
    assert all(line.startswith("huberflow: ") for line in lines)
    return [line.removeprefix("huberflow: ") for line in lines]


def refusal(*arguments: str, code: int = 2) -> str:
    (line,) = told(*arguments, code=code)
    return line


SETTINGS = {
    "a key that nothing has": (
        "training.epoch=5",
        "training.epoch: no such key; did you mean training.epochs?",
    ),
    "a section that nothing has": (
        "trainning.epochs=5",
        "trainning: no such key; did you mean training?",
    ),
    "a threshold of 0": (
        "training.loss.config.threshold=0",
        "training.loss.config.threshold: expected a finite number > 0, received 0 (int); "
        "write, for example: --set training.loss.config.threshold=1.0",
    ),
    "a threshold below 0": (
        "evaluation.metrics.0.config.threshold=-1.5",
        "evaluation.metrics.0.config.threshold: expected a finite number > 0, received -1.5 "
        "(float); write, for example: --set evaluation.metrics.0.config.threshold=1.0",
    ),
    "a loss that does not exist": (
        "training.loss.name=HubreLoss",
        "training.loss.name: expected a loss: huber_fn, HuberLoss, CustomMSE, Huber, LogCosh, "
        "MeanAbsoluteError, MeanSquaredError, BinaryCrossentropy, "
        "BinaryFocalCrossentropy, SparseCategoricalCrossentropy; received 'HubreLoss' "
        "(did you mean HuberLoss?); write, for example: --set training.loss.name=HuberLoss",
    ),
    "the label among the features": (
        "data.label=trip_miles",
        "data.label: expected a column that is no feature, received 'trip_miles'; "
        "write, for example: --set data.label=fare",
    ),
}

FILES = {
    "a list": (
        "- training",
        "--config: expected a mapping of keys in ~/my.yaml, received list; "
        "write: training: {epochs: 5}",
    ),
    "text": (
        "training",
        "--config: expected a mapping of keys in ~/my.yaml, received str; "
        "write: training: {epochs: 5}",
    ),
    "no YAML": (
        "training: {epochs: 5",
        "--config: ~/my.yaml is not YAML: while parsing a flow mapping in",
    ),
    "a key twice": ("seed: 1\nseed: 2", "--config: ~/my.yaml is not YAML: 'seed' is given twice"),
}


@pytest.mark.parametrize("verb", ["run", "sweep"])
@pytest.mark.parametrize(("setting", "message"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_refused(setting, message, verb, tmp_path):
    said = refusal(verb, "--set", setting, "--workspace", f"{tmp_path}/w")
    assert said.endswith(message)  # a sweep names the trial first
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_config_file_is_refused(text, message, tmp_path):
    (tmp_path / "my.yaml").write_text(text)
    said = refusal("run", "--config", f"{tmp_path}/my.yaml", "--workspace", f"{tmp_path}/w")
    assert said.replace(str(tmp_path), "~").startswith(message)
    assert not (tmp_path / "w").exists()


def test_a_config_file_that_is_not_there_is_refused(tmp_path):
    assert refusal("run", "--config", f"{tmp_path}/my.yaml") == (
        f"--config: expected a readable file, received {tmp_path}/my.yaml (No such file or "
        "directory); write a first one with: huberflow config > my.yaml"
    )


class TestObjects:
    def test_that_are_no_python_are_refused(self, tmp_path):
        file = tmp_path / "my_losses.py"
        file.write_text("class MyLoss(:\n")
        assert refusal("run", "--objects", str(file), "--workspace", f"{tmp_path}/w") == (
            f"{file}, line 1: expected Python, received invalid syntax: class MyLoss(:"
        )
        assert not (tmp_path / "w").exists()

    def test_with_a_name_of_ours_or_a_missing_import_are_refused_each_with_a_line(self, tmp_path):
        (tmp_path / "one.py").write_text(loss(name="HuberLoss"))
        (tmp_path / "two.py").write_text("import scipyx\n")
        files = [f"--objects={tmp_path / name}" for name in ("one.py", "two.py")]
        assert told("run", *files, "--workspace", f"{tmp_path}/w") == [
            "two.py, line 1: expected imports that are installed, received 'scipyx'; "
            "write: pip install scipyx",
            "one.py: HuberLoss: expected a name of its own, received one that "
            "huberflow.custom_objects.losses has; write another, such as MyHuberLoss",
        ]
        assert not (tmp_path / "w").exists()


class TestPort:
    def test_that_is_taken_is_refused_before_the_model_is_loaded(self, tmp_path):
        certificate = tmp_path / "model" / "assets.extra" / "certificate.json"
        certificate.parent.mkdir(parents=True)
        certificate.touch()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = refusal("serve", f"{tmp_path}/model", "--port", str(port))
        assert said.startswith(f"port {port}: taken by another server; write: --port {port + 1}")


class TestDataBesideOthers:
    """TFX is told of files by one pattern."""

    @pytest.mark.parametrize("verb", ["run", "sweep"])
    def test_are_refused_before_the_first_run(self, verb, tmp_path):
        for number in (1, 2, 10):
            (tmp_path / f"2024-{number}.csv").write_text("x,y\n1,2\n2,3\n")
        asked = ["--data", f"{tmp_path}/2024-?.csv", "--label", "y", "--workspace", f"{tmp_path}/w"]
        assert refusal(verb, *asked, "--set", "seed=1").endswith(
            f"data.path: expected files that lie by themselves, received 2 in {tmp_path} beside "
            "others like 2024-*.csv; move them to a folder of their own"
        )
        assert not (tmp_path / "w").exists()

    def test_that_vanish_during_a_sweep_fail_the_point_in_words(self, tmp_path):
        data, sweep = tmp_path / "a.csv", Sweep("sweep-1", "a sweep", datetime.now(UTC), 0)
        data.write_text("x,y\n1,2\n5,3\n1,4\n")
        config = load(None, [f"data.path={data}", "data.label=y", f"workspace={tmp_path}/w"])
        data.unlink()
        assert run_trial(TrialJob("a", "run-1", config, sweep, cache=True, verbose=False)) == (
            f"data.path: expected a file or folder, received {data}, which is not there"
        )


class TestWorkspaceOfAnotherVersion:
    @pytest.mark.parametrize("found", ["0", str(int(VERSION) + 1), "?"])
    def test_is_refused_and_stays_as_it_is(self, found, tmp_path):
        (tmp_path / "version").write_text(f"{found}\n")
        assert refusal("run", "--workspace", str(tmp_path)) == (
            f"workspace: expected one of version {VERSION}, received {tmp_path} of version "
            f"'{found}', which another huberflow has made; run that one, or choose another "
            "workspace: --workspace other"
        )
        assert (tmp_path / "version").read_text() == f"{found}\n"
        assert {path.name for path in tmp_path.iterdir()} <= {"version", ".lock"}

    def test_is_not_one_that_was_made_here(self, tmp_path):
        for _ in range(2):
            with Workspace(tmp_path).locked():
                pass
        assert (tmp_path / "version").read_text() == f"{VERSION}\n"


class TestWorkspaceThatCannotBeWritten:
    @pytest.fixture
    def not_mine(self):
        """A folder that may be read alone; root may write it still, so it is nobody meanwhile."""
        me = os.geteuid()
        with TemporaryDirectory() as folder:
            Path(folder).chmod(0o555)
            if me == 0:
                os.seteuid(65534)
            yield Path(folder)
            os.seteuid(me)
            Path(folder).chmod(0o755)

    @pytest.mark.parametrize("below", ["", "w"])
    def test_is_refused(self, below, not_mine):
        assert refusal("run", "--workspace", str(not_mine / below)) == (
            f"workspace: expected a folder that can be written, received {not_mine / below} "
            "(Permission denied); write: --workspace ~/huberflow"
        )
        assert not list(not_mine.iterdir())

    def test_is_refused_where_tried_objects_are_to_be_remembered(self, tmp_path):
        (tmp_path / "my_losses.py").write_text(loss())
        (tmp_path / "w").touch()
        asked = ["--objects", f"{tmp_path}/my_losses.py", "--workspace", f"{tmp_path}/w"]
        assert refusal("run", *asked) == (
            f"workspace: expected a folder that can be written, received {tmp_path}/w/objects "
            "(Not a directory); write: --workspace ~/huberflow"
        )


@contextmanager
def disk(folder: Path, size: str):
    """A small disk in a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs root and the right to mount, for a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class TestFullDisk:
    def test_is_refused_before_a_run(self, tmp_path):
        with disk(tmp_path / "small", "1m") as small:
            message = refusal("run", "--workspace", f"{small}/w")
            assert message.startswith("workspace: expected 100 MiB or more of free space")
            assert f"received {small}/w with 1.0 MiB" in message
            assert {path.name for path in (small / "w").iterdir()} <= {".lock"}

    def test_that_fills_during_a_run_is_said_in_a_line(self, tmp_path, monkeypatch):
        def fill():
            with (small / "filling").open("wb", buffering=0) as file:
                while file.write(bytes(2**20)):
                    pass

        monkeypatch.setattr(runs, "load_libraries", fill)
        with disk(tmp_path / "small", "110m") as small:
            said = refusal("run", "--workspace", f"{small}/w", code=1)
        assert said == "the disk is full; free some of it, and run again to go on"


HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("CREATE TABLE t (x)")
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(600)
"""


class TestMetadata:
    def test_that_another_program_has_locked_are_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(workspace, "LOCK_PATIENCE", 1)
        path = Workspace(tmp_path).metadata
        command = [sys.executable, "-c", HOLD, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout.readline() == "held\n"
            said = refusal("run", "--workspace", str(tmp_path))
            holder.kill()
        assert said.startswith(f"{path}: expected a database that can be written")
        assert said.endswith("write: --workspace other")

    def test_that_are_no_database_are_refused_and_stay(self, tmp_path):
        path = Workspace(tmp_path).metadata
        path.write_text("this is no database at all")
        asked = ["--workspace", str(tmp_path), "--set", "tracking.enabled=false"]
        message = refusal("run", *asked)
        assert message.startswith(f"{path}: expected the database of ML Metadata")
        assert message.endswith(f"write: mv {path} {path}.damaged")
        assert path.read_text() == "this is no database at all"
