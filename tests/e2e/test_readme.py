"""The commands of the README and of the guide do what they say, and print what they show."""

import importlib.util
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import readme
from taxi_workspace import HUBERFLOW, Run, Workspace

from huberflow.pipeline.data import taxi

pytestmark = pytest.mark.e2e

RUN_AS = {
    "make run": ("first", "unchanged"),
    ".venv/bin/huberflow run --set training.loss.config.threshold=2.0": ("other_threshold",),
    ".venv/bin/huberflow run --set 'evaluation.gate=[{metric: huber, upper_bound: 0.5}]'": (
        "gated",
    ),
    ".venv/bin/huberflow sweep --set training.loss.config.threshold=0.5,1.0,2.0,4.0": ("sweep",),
    ".venv/bin/huberflow run --set training.loss.name=LogCoshLoss": ("own_loss",),
}
"""Which of the shared runs is which command; the second `make run` is another than the first."""

NOT_RUN = {
    "make test": "it runs this test",
    ".venv/bin/huberflow ui": "test_browser runs it, for it does not end by itself",
    ".venv/bin/huberflow serve": "test_pushed_bundle runs it, for it does not end by itself",
}

IN_THE_WORKSPACE = ("compare", "track", "verify")
"""Verbs that read what the shared runs left."""


def assert_shown(shown: list[str], printed: str) -> None:
    lines = iter([readme.shape(line) for line in printed.splitlines()])
    for line in shown:
        wanted = readme.shape(line)
        assert wanted in lines, f"the page shows {line!r}, which was not printed (in this order)"


@pytest.mark.parametrize("page", [readme.README, readme.GUIDE], ids=["README", "guide"])
def test_every_run_of_the_page(request: pytest.FixtureRequest, page: Path) -> None:
    seen = Counter[str]()
    for command in readme.commands(page):
        if command.line in RUN_AS:
            fixture = RUN_AS[command.line][seen[command.line]]
            seen[command.line] += 1
            assert_shown(command.shown, request.getfixturevalue(fixture).output)
    assert seen


@pytest.mark.parametrize("page", [readme.README, readme.GUIDE], ids=["README", "guide"])
def test_every_other_command_of_the_page(page: Path, sweep: Run, workspace: Workspace) -> None:
    for command in readme.commands(page):
        if command.line in RUN_AS or command.line in NOT_RUN:
            continue
        program, verb, *arguments = command.line.split()
        assert program == ".venv/bin/huberflow"
        if verb in IN_THE_WORKSPACE:
            arguments += ["--workspace", str(workspace.root)]
        done = subprocess.run([HUBERFLOW, verb, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert_shown(command.shown, done.stdout)


@pytest.fixture
def folder(workspace: Workspace, first: Run, tmp_path: Path) -> Path:
    """Where the commands of these pages are typed: its data, and the workspace."""
    shutil.copy(next(taxi.folder().glob("*.csv")), tmp_path / "trips.csv")
    (tmp_path / "workspace").symlink_to(workspace.root)
    return tmp_path


def assert_all_run(page: Path, folder: Path) -> None:
    """The commands of a page, one after another, in one folder."""
    for command in readme.commands(page):
        if command.line in NOT_RUN:
            continue
        program, *arguments = shlex.split(command.line)
        assert program == ".venv/bin/huberflow"
        done = subprocess.run([HUBERFLOW, *arguments], capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr
        assert_shown(command.shown, done.stdout)


@pytest.mark.parametrize("page", [readme.DEPLOY, readme.SERVING], ids=["deploying", "asking"])
def test_every_command_of_deploying(page: Path, folder: Path) -> None:
    assert_all_run(page, folder)


def test_your_data_in_ten_minutes(tmp_path: Path) -> None:
    package = Path(importlib.util.find_spec("vega_datasets").origin).parent
    shutil.copy(package / "_data" / "seattle-weather.csv", tmp_path / "weather.csv")
    codes = readme.blocks("python", readme.YOUR_DATA)
    for name, code in zip(("my_losses.py", "my_model.py"), codes, strict=True):
        (tmp_path / name).write_text(code)
    assert_all_run(readme.YOUR_DATA, tmp_path)


def test_compiling_for_kubeflow(tmp_path: Path) -> None:
    pytest.importorskip("kfp", reason="kfp is missing; write: uv pip install 'kfp==2.16.*'")
    assert_all_run(readme.KUBEFLOW, tmp_path)


def test_training_goes_on_as_the_guide_of_deploying_says(folder: Path) -> None:
    (code,) = readme.blocks("python", readme.DEPLOY)
    extra = folder / "workspace/serving/taxi/1/assets.extra"
    shutil.copy(extra / "reload.py", folder)
    shutil.copytree(extra / "reload_modules", folder / "reload_modules")
    (folder / "train.py").write_text(code)
    done = subprocess.run([sys.executable, "train.py"], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "'threshold': 1.0" in done.stdout


def test_own_loss_of_the_readme_trains(request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue("own_loss")
    assert run.code in (0, 3), run.errors
    assert run.metric("mae") < 3
