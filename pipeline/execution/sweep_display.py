"""Shows a sweep while it happens: a row for each trial on a terminal, lines elsewhere."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from rich.console import Console, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from huberflow.components.contracts import node_ids
from huberflow.pipeline.execution.live_table import live
from huberflow.pipeline.execution.sweep_worker import Task
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.workspace import Workspace


class SweepDisplay:
    """How far the trials are, as their journals tell.

    Args:
      console: where to; live only if it is a terminal.
      workspace: that holds the journals.
      tasks: the trials.
    """

    def __init__(self, console: Console, workspace: Workspace, tasks: Sequence[Task]) -> None:
        self._console = console
        self._workspace = workspace
        self._tasks = tasks
        self._began: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._causes: dict[str, str] = {}

    def shown(self) -> AbstractContextManager[None]:
        """Draws until the block ends; the last state stays on the screen."""
        return live(self._console, self._table, per_second=2)

    def begun(self, task: Task) -> None:
        """A trial begins, once its worker has loaded TensorFlow."""
        self._began[task.run_id] = time.perf_counter()
        self._print(f"{self._place(task)} starts")

    def ended(self, task: Task, cause: str | None) -> None:
        """A trial has ended; ``cause`` says why it failed."""
        seconds = time.perf_counter() - self._began[task.run_id]
        self._seconds[task.run_id] = seconds
        if cause is not None:
            self._causes[task.run_id] = cause.splitlines()[0]
        how = "ended" if cause is None else "failed"
        self._print(f"{self._place(task)} {how} after {seconds:.1f} s")

    def _place(self, task: Task) -> str:
        return f"trial {task.sweep.place} of {len(self._tasks)}: {task.name}"

    def _print(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _table(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("trial", "state", "seconds", "now"):
            table.add_column(name, justify="right" if name == "seconds" else "left")
        for task in self._tasks:
            table.add_row(*self._row(task))
        return table

    def _row(self, task: Task) -> tuple[RenderableType, ...]:
        name = Text(task.name)
        if task.run_id not in self._began:
            return name, Text("waiting", "dim"), "", ""
        cause = self._causes.get(task.run_id)
        if task.run_id in self._seconds:
            state = Text("done", "green") if cause is None else Text("failed", "bold red")
            return name, state, f"{self._seconds[task.run_id]:.1f}", Text(cause or "")
        seconds = time.perf_counter() - self._began[task.run_id]
        spinner = Spinner("dots", Text("running", "yellow"))
        return name, spinner, f"{seconds:.1f}", Text(self._now(task), overflow="ellipsis")

    def _now(self, task: Task) -> str:
        """What a running trial does: its node, and while it trains the last epoch."""
        journal = self._workspace.journal(task.run_id)
        if not journal.exists() or not journal.stat().st_size:
            return "loading TensorFlow and TFX"
        run = run_history.read(journal)
        node = next((node for node in run.nodes.values() if node.state == "running"), None)
        if node is None:
            return ""
        if node.name == node_ids.TRAINER and run.epochs:
            last = run.epochs[-1]
            epochs = run.config["training"]["epochs"]
            return f"Trainer, epoch {last.number}/{epochs}  loss {last.values['loss']:.4g}"
        return node.name
