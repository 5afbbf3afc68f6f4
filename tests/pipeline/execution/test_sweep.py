"""What a user sees of a sweep while it goes on, and how much of it goes on at once."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from types import SimpleNamespace

import psutil
import pytest
from journals import Story
from rich.console import Console

from huberflow.pipeline.config import Config
from huberflow.pipeline.execution import sweep
from huberflow.pipeline.execution.display import SweepDisplay
from huberflow.pipeline.execution.pool import WorkerDied
from huberflow.pipeline.execution.session import Session
from huberflow.pipeline.execution.trial import Sweep, TrialJob
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
SPINNER = re.compile("[\N{BRAILLE PATTERN BLANK}-\N{BRAILLE PATTERN DOTS-12345678}]")


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


def job(number: int) -> TrialJob:
    about = Sweep("sweep-1", "a sweep", datetime(2026, 5, 17, tzinfo=UTC), 0, number)
    name = f"threshold={number}"
    return TrialJob(name, f"run-{number}", Config(), about, cache=True, verbose=False)


class Screen:
    """A display of two trials, on a terminal or in a file."""

    def __init__(self, workspace: Workspace, *, terminal: bool) -> None:
        self.first, self.second = job(1), job(2)
        self._file = io.StringIO()
        self._console = Console(file=self._file, force_terminal=terminal, width=100, _environ={})
        self.display = SweepDisplay(self._console, workspace, [self.first, self.second])

    @property
    def lines(self) -> list[str]:
        return [re.sub(r"\d+\.\d s", "# s", line) for line in self._file.getvalue().splitlines()]

    def rows(self) -> list[str]:
        """What the terminal shows now, seconds left out."""
        with self._console.capture() as capture:
            self._console.print(self.display.table())
        plain = SPINNER.sub("", ESCAPES.sub("", capture.get()))
        return [" ".join(re.sub(r"\d+\.\d ", "", line).split()) for line in plain.splitlines()][1:]


def test_a_sweep_is_called_after_what_varies():
    settings = ["data.path=rows.csv", "training.loss.config.threshold=1,2", "seed=7"]
    noon = datetime(2026, 5, 17, 12, 30, tzinfo=UTC)
    assert sweep._name(settings, noon) == "sweep of threshold 05-17 12:30:00"


class TestInAFile:
    def test_a_line_where_a_point_begins_and_where_it_ends(self, workspace):
        screen = Screen(workspace, terminal=False)
        with screen.display.shown():
            screen.display.trial_started(screen.first)
            screen.display.trial_ended(screen.first, None)
            screen.display.trial_started(screen.second)
            screen.display.trial_ended(screen.second, "Trainer failed: diverged\nlog: /w/2.log")
        assert screen.lines == [
            "trial 1 of 2: threshold=1 starts",
            "trial 1 of 2: threshold=1 ended after # s",
            "trial 2 of 2: threshold=2 starts",
            "trial 2 of 2: threshold=2 failed after # s",
        ]


class TestOnATerminal:
    @pytest.fixture
    def screen(self, workspace):
        return Screen(workspace, terminal=True)

    def test_points_wait_for_the_first(self, screen):
        screen.display.trial_started(screen.first)
        assert screen.rows() == [
            "threshold=1 running loading TensorFlow and TFX",
            "threshold=2 waiting",
        ]

    def test_says_what_a_point_does(self, screen, workspace):
        screen.display.trial_started(screen.first)
        story = Story(workspace.journals).runs("Transform").starts("Trainer")
        assert screen.rows()[0].endswith("running Trainer")
        story.trains(1, loss=2.5).trains(2, loss=1.25)
        assert screen.rows()[0].endswith("running Trainer, epoch 2/20 loss 1.25")
        story.finishes("Trainer").starts("Evaluator")
        assert screen.rows()[0].endswith("running Evaluator")

    def test_ends_with_how_each_ended(self, screen):
        for each, cause in ((screen.first, None), (screen.second, "Trainer failed: diverged\nlog")):
            screen.display.trial_started(each)
            screen.display.trial_ended(each, cause)
        assert screen.rows() == ["threshold=1 done", "threshold=2 failed Trainer failed: diverged"]


@pytest.mark.parametrize(
    ("code", "cause"), [(-9, "-9; memory may have run out, write: --jobs 1"), (1, "1")]
)
def test_a_trial_whose_process_died_is_closed_as_killed(workspace, code, cause):
    Story(workspace.journals, "run-1").runs("Transform").starts("Trainer")
    session = Session("sweep-1", workspace, Console(file=io.StringIO()))
    message = sweep._close_killed(session, job(1), WorkerDied(code))
    assert message == f"its process ended with {cause}\nlog: {workspace.log('run-1')}"
    run = run_history.read_run(workspace.journal("run-1"))
    assert (run.status, list(run.nodes)) == ("killed", ["Transform", "Trainer"])


@pytest.mark.parametrize(
    ("cores", "gigabytes", "trials", "expected"),
    [(8, 64, 3, 3), (2, 64, 5, 2), (8, 7.9, 5, 3), (8, 1, 5, 1)],
    ids=["for all trials", "for as many as cores", "for as many as fit in memory", "for one"],
)
def test_machine_capacity(monkeypatch, cores, gigabytes, trials, expected):
    monkeypatch.setattr(sweep.os, "sched_getaffinity", lambda _: set(range(cores)))
    memory = SimpleNamespace(available=int(gigabytes * 2**30))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert sweep.machine_capacity(trials) == expected
