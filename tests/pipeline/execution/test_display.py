"""What a user sees during a run, on a terminal and in a file."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from rich.console import Console

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.execution.display import RunDisplay
from huberflow.pipeline.history.metadata_store import Artifact, Execution, Records

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def execution(node: str = "Trainer", state: str = "ran") -> Execution:
    outputs = {"model": (Artifact(5, Path("/w/5"), {}),)}
    return Execution(9, node, "run-2", state, {}, {}, outputs)


@pytest.fixture
def records():
    found = create_autospec(Records, instance=True)
    found.before.return_value = []
    found.producer.return_value = Execution(1, "Trainer", "run-1", "ran", {}, {}, {})
    return found


class Screen:
    """A display on a terminal or in a file, and what can be read there."""

    def __init__(self, records: Records, *, terminal: bool) -> None:
        self._file = io.StringIO()
        self._now = 0.0
        self.console = Console(
            file=self._file,
            force_terminal=terminal,
            width=100,
            height=30,
            get_time=lambda: self._now,
            _environ={},
        )
        self.display = RunDisplay(self.console, records, cache=True)

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self._file.getvalue())

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def frame(self, now: float = 0.0) -> str:
        """What the terminal shows at this time."""
        self._now = now
        with self.console.capture() as capture:
            self.console.print(self.display.table())
        return ESCAPES.sub("", capture.get())

    def row(self, node: str, now: float = 0.0) -> list[str]:
        return next(line for line in self.frame(now).splitlines() if node in line).split()


@pytest.fixture
def file(records):
    return Screen(records, terminal=False)


@pytest.fixture
def terminal(records):
    return Screen(records, terminal=True)


def an_epoch(epoch: int = 3, **values: float) -> EpochProgress:
    return EpochProgress(epoch, 12, 1.7e9, values)


class TestInAFile:
    def test_a_line_for_each_event(self, file):
        display = file.display
        with display.shown():
            display.run_started("run-2", ["Transform", "Trainer"])
            display.node_started("Transform")
            display.node_finished(execution("Transform", "cached"), 0.04)
            display.node_started("Trainer")
            display.epoch_finished(an_epoch(loss=2.34567, val_loss=3.0, huber_metric=1.0))
            display.node_finished(execution("Trainer"), 12.3)
        assert file.lines == [
            "run run-2",
            "  Transform  cached     0.0 s  as in run run-1",
            "             epoch 3/12  loss 2.346  val_loss 3",
            "  Trainer    ran       12.3 s  first run",
        ]

    @pytest.mark.parametrize(("last", "said"), [(0.9, True), (1.0, False), (2.0, False)])
    def test_that_the_last_epoch_is_the_best(self, file, last, said):
        file.display.run_started("run-2", ["Trainer"])
        file.display.node_started("Trainer")
        for epoch, loss in ((10, 2.0), (11, 1.0), (12, last)):
            file.display.epoch_finished(an_epoch(epoch=epoch, loss=1.0, val_loss=loss))
        hints = [line for line in file.lines if "still improving" in line]
        assert [line.endswith("--set training.epochs=24") for line in hints] == [True] * said

    @pytest.mark.parametrize(
        ("error", "shown"),
        [
            (ValueError("no rows\nat line 3"), "no rows"),
            (KeyboardInterrupt("SIGTERM"), "interrupted"),
            (ValueError("x" * 300), "x" * 300),
            (ValueError("[red] and [/] and [256, 1]"), "[red] and [/] and [256, 1]"),
        ],
        ids=["failure", "interrupt", "a long line", "brackets"],
    )
    def test_the_cause_of_a_failure_is_one_line(self, file, error, shown):
        file.display.run_started("run-[1]", ["Trainer"])
        file.display.node_started("Trainer")
        file.display.node_failed("Trainer", 3.0, error)
        assert file.lines == ["run run-[1]", f"  Trainer  failed     3.0 s  {shown}"]


class TestOnATerminal:
    def test_a_node_that_runs_has_a_spinner_that_turns_and_others_wait(self, terminal):
        terminal.display.run_started("run-2", ["Transform", "Trainer"])
        terminal.display.node_started("Trainer")
        assert terminal.row("Transform") == ["Transform", "waiting"]
        _, _, state, seconds = terminal.row("Trainer")
        assert state == "running"
        assert float(seconds) < 60
        assert len({terminal.row("Trainer", now=tick / 10)[1] for tick in range(5)}) > 1

    def test_a_node_that_has_ended(self, terminal):
        display = terminal.display
        display.run_started("run-2", ["Transform", "Trainer", "Evaluator"])
        display.node_finished(execution("Transform", "cached"), 12.34)
        display.node_finished(execution("Trainer"), 3.0)
        display.node_failed("Evaluator", 3.0, ValueError("shape [red] [/]\nmore"))
        assert terminal.row("Transform") == [
            "Transform",
            "cached",
            "12.3",
            *["as", "in", "run", "run-1"],
        ]
        assert terminal.row("Trainer") == ["Trainer", "ran", "3.0", "first", "run"]
        assert terminal.row("Evaluator") == ["Evaluator", "failed", "3.0", "shape", "[red]", "[/]"]

    def test_a_long_cause_is_cut_to_the_width(self, terminal):
        terminal.display.run_started("run-2", ["Trainer"])
        terminal.display.node_failed("Trainer", 3.0, ValueError("x" * 300))
        (line,) = [line for line in terminal.frame().splitlines() if "Trainer" in line]
        assert len(line.rstrip()) <= 100
        assert "…" in line

    def test_how_training_goes(self, terminal):
        with terminal.display.shown():
            terminal.display.run_started("run-2", ["Transform", "Trainer"])
            terminal.display.node_started("Trainer")
            terminal.display.epoch_finished(an_epoch(epoch=3, loss=2.0, val_loss=3.0))
            terminal.display.epoch_finished(an_epoch(epoch=4, loss=1.0, val_loss=2.5))
            row = " ".join(terminal.row("Trainer"))
        assert row.endswith("epoch 4/12 loss 1 val_loss 2.5")
        assert "epoch" not in " ".join(terminal.row("Transform"))

    def test_the_last_state_stays_on_the_screen_also_where_the_run_ends_early(self, terminal):
        with contextlib.suppress(KeyboardInterrupt), terminal.display.shown():
            terminal.display.run_started("run-2", ["Transform", "Trainer"])
            terminal.display.node_failed("Transform", 1.0, KeyboardInterrupt())
            raise KeyboardInterrupt
        assert re.search(r"Transform +failed +1\.0 +interrupted", terminal.text)
        assert re.search(r"Trainer +waiting", terminal.lines[-1])

    def test_what_libraries_print_is_not_shown(self, terminal, capsys):
        """The log takes it, see ``pipeline.system.logs``; rich would put it above the table."""
        with terminal.display.shown():
            terminal.display.run_started("run-2", ["Trainer"])
            print("noise")
        assert "noise" not in terminal.text
        assert capsys.readouterr().out == "noise\n"
