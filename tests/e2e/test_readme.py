"""The README's commands do what it says, and print what it shows."""

import subprocess

import pytest
import readme
from taxi_workspace import HUBERFLOW

pytestmark = pytest.mark.e2e

RUN_AS = {
    "make run": ("first", "again"),
    ".venv/bin/huberflow run --set training.loss.config.threshold=2.0": ("other_threshold",),
    ".venv/bin/huberflow run --set 'evaluation.gate=[{metric: huber, upper_bound: 0.5}]'": (
        "gated",
    ),
    ".venv/bin/huberflow run --set training.loss.name=LogCoshLoss": ("own_loss",),
}
"""Which of the shared runs is which command; the second `make run` is another than the first."""

NOT_RUN = {"make test": "it runs this test"}


def assert_shown(shown: list[str], printed: str) -> None:
    lines = iter([readme.shape(line) for line in printed.splitlines()])
    for line in shown:
        wanted = readme.shape(line)
        assert wanted in lines, f"the README shows {line!r}, which was not printed (in this order)"


def test_every_run_of_the_readme(request: pytest.FixtureRequest) -> None:
    seen = dict.fromkeys(RUN_AS, 0)
    for command in readme.commands():
        if command.line in RUN_AS:
            fixture = RUN_AS[command.line][seen[command.line]]
            seen[command.line] += 1
            assert_shown(command.shown, request.getfixturevalue(fixture).output)
    assert all(seen.values())


def test_every_other_command_of_the_readme() -> None:
    for command in readme.commands():
        if command.line in RUN_AS or command.line in NOT_RUN:
            continue
        program, *arguments = command.line.split()
        assert program == ".venv/bin/huberflow"
        done = subprocess.run([HUBERFLOW, *arguments], capture_output=True, text=True, check=True)
        assert_shown(command.shown, done.stdout)


def test_own_loss_of_the_readme_trains(request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue("own_loss")
    assert run.code in (0, 3), run.errors
    assert run.metric("mae") < 3
