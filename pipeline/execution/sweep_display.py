"""Shows a sweep while it happens: a row for each trial on a terminal, lines elsewhere."""

import time
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.spinner import Spinner
from rich.text import Text

from huberflow.components.contracts import node_ids
from huberflow.pipeline.execution.live_table import LiveTable
from huberflow.pipeline.execution.sweep_worker import TrialJob
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace


class SweepDisplay(LiveTable):
    """The progress of the trials, as their journals report it.

    Args:
      console: where to print; live only if it is a terminal.
      workspace: where the journals are.
      trials: the jobs of the trials.
    """

    def __init__(self, console: Console, workspace: Workspace, trials: Sequence[TrialJob]) -> None:
        super().__init__(console, ("trial", "state", "seconds", "now"))
        self._workspace = workspace
        self._trials = trials
        self._started: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._causes: dict[str, str] = {}

    def trial_started(self, trial: TrialJob) -> None:
        """A trial starts; its worker may still load TensorFlow."""
        self._started[trial.run_id] = time.perf_counter()
        self.print_line(f"{self._label(trial)} starts")

    def trial_ended(self, trial: TrialJob, cause: str | None) -> None:
        """A trial has ended; ``cause`` is None, or why it failed."""
        seconds = time.perf_counter() - self._started[trial.run_id]
        self._seconds[trial.run_id] = seconds
        if cause is not None:
            self._causes[trial.run_id] = cause.splitlines()[0]
        how = "ended" if cause is None else "failed"
        self.print_line(f"{self._label(trial)} {how} after {seconds:.1f} s")

    def _label(self, trial: TrialJob) -> str:
        return f"trial {trial.sweep.trial} of {len(self._trials)}: {trial.name}"

    def rows(self) -> Iterator[tuple[RenderableType, ...]]:
        """A row for each trial."""
        return map(self._row, self._trials)

    def _row(self, trial: TrialJob) -> tuple[RenderableType, ...]:
        name = Text(trial.name)
        if trial.run_id not in self._started:
            return name, Text("waiting", "dim"), "", ""
        cause = self._causes.get(trial.run_id)
        if trial.run_id in self._seconds:
            state = Text("done", "green") if cause is None else Text("failed", "bold red")
            return name, state, f"{self._seconds[trial.run_id]:.1f}", Text(cause or "")
        seconds = time.perf_counter() - self._started[trial.run_id]
        spinner = Spinner("dots", Text("running", "yellow"))
        return name, spinner, f"{seconds:.1f}", Text(self._now(trial), overflow="ellipsis")

    def _now(self, trial: TrialJob) -> str:
        """The node that a trial runs, and the last epoch while it trains."""
        journal = self._workspace.journal(trial.run_id)
        if not journal.exists() or not journal.stat().st_size:
            return "loading TensorFlow and TFX"
        run = run_history.read_run(journal)
        node = next((node for node in run.nodes.values() if node.state == "running"), None)
        if node is None:
            return ""
        if node.name == node_ids.TRAINER and run.epochs:
            last = run.epochs[-1]
            epochs = run.config["training"]["epochs"]
            return f"Trainer, epoch {last.number}/{epochs}  loss {last.values['loss']:.4g}"
        return node.name
