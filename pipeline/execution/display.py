"""Shows a run or a sweep: a live table on a terminal, a line per event elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from huberflow.components.contracts import node_ids
from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.execution.trial import TrialJob
from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.metadata_store import Execution, Records
from huberflow.pipeline.history.reasons import reason
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.interruption import first_line

_STYLES = {
    "ran": "green",
    "done": "green",
    "cached": "cyan",
    "resolved": "cyan",
    "failed": "bold red",
    "running": "yellow",
}


@dataclass
class _Row:
    name: str
    state: str = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    detail: str = ""

    def start(self) -> None:
        self.state, self.started = "running", time.perf_counter()

    def add_to(self, table: Table, *, cut: bool) -> None:
        """Adds the cells; a detail that is too long is cut or wrapped."""
        running = self.state == "running"
        seconds = time.perf_counter() - self.started if running else self.seconds
        state = Text(self.state, _STYLES.get(self.state, "dim"))
        table.add_row(
            Text(self.name),
            Spinner("dots", state) if running else state,
            "" if self.state == "waiting" else f"{seconds:.1f}",
            Text(self.detail, overflow="ellipsis", no_wrap=cut),
        )


class _LiveTable:
    """The base of both displays; live only if the console is a terminal."""

    headings: tuple[str, str]
    """Of the first and of the last column."""
    cut_details = False

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, _Row] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Refreshes the table until the block ends; its last state stays on the screen."""
        if not self._console.is_terminal:
            yield
            return
        # With redirection, rich would print the libraries' output here instead of into the log.
        with Live(
            get_renderable=self.table,
            console=self._console,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield

    def table(self) -> Table:
        """The whole table as it is now."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        first, last = self.headings
        for heading in (first, "state", "seconds", last):
            table.add_column(heading, justify="right" if heading == "seconds" else "left")
        for row in self._rows.values():
            row.add_to(table, cut=self.cut_details)
        return table

    def print_line(self, line: str) -> None:
        """Prints a line where there is no terminal."""
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class RunDisplay(_LiveTable, Hooks):
    """Shows each node's state, its seconds, and why it ran.

    Args:
      console: where to print.
      records: the earlier runs, to explain why a node ran.
      cache: whether the run may reuse results.
    """

    headings = ("node", "why")
    cut_details = True

    def __init__(self, console: Console, records: Records, *, cache: bool) -> None:
        super().__init__(console)
        self._records = records
        self._cache = cache
        self._width = 0
        self._lowest = math.inf
        """The lowest validation loss of the epochs before."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Lists the nodes."""
        self._rows = {node: _Row(node) for node in nodes}
        self._width = max(map(len, nodes))
        self.print_line(f"run {run_id}")

    def node_started(self, node: str) -> None:
        """Starts the node's clock."""
        self._rows[node].start()

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """Shows the node's state and the reason for it."""
        why = reason(self._records, execution, cache=self._cache)
        self._close(execution.node, execution.state, seconds, why)

    def node_skipped(self, node: str) -> None:
        """Says that the node did nothing."""
        self._close(node, "skipped", 0.0, "its condition is not met")

    def node_failed(
        self, node: str, seconds: float, error: BaseException, execution: Execution | None = None
    ) -> None:
        """Shows the cause in one line."""
        interrupted = isinstance(error, KeyboardInterrupt)
        self._close(node, "failed", seconds, "interrupted" if interrupted else first_line(error))

    def epoch_finished(self, progress: EpochProgress) -> None:
        """Shows the losses of an epoch, and whether the last one is the best."""
        row = next((row for row in self._rows.values() if row.state == "running"), None)
        values = progress.values
        shown = {key: values[key] for key in ("loss", "val_loss") if key in values}
        detail = f"epoch {progress.epoch}/{progress.epochs}" + "".join(
            f"  {key} {value:.4g}" for key, value in shown.items()
        )
        if row is not None:
            row.detail = detail
        self.print_line(f"  {'':{self._width}}  {detail}")
        self._say_if_unfinished(progress)

    def _say_if_unfinished(self, progress: EpochProgress) -> None:
        loss = progress.compared
        if progress.epoch == progress.epochs > 1 and loss < self._lowest:
            self._console.print(
                f"  {'':{self._width}}  still improving at the last epoch; write: "
                f"--set training.epochs={2 * progress.epochs}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
        self._lowest = math.inf if progress.epoch == progress.epochs else min(self._lowest, loss)

    def _close(self, node: str, state: str, seconds: float, why: str) -> None:
        row = self._rows[node]
        row.state, row.seconds, row.detail = state, seconds, why
        self.print_line(f"  {node:{self._width}}  {state:8}{seconds:6.1f} s  {why}")


class SweepDisplay(_LiveTable):
    """Shows the progress of the trials, as their journals report it."""

    headings = ("trial", "now")

    def __init__(self, console: Console, workspace: Workspace, trials: Sequence[TrialJob]) -> None:
        super().__init__(console)
        self._workspace = workspace
        self._rows = {trial.run_id: _Row(trial.name) for trial in trials}

    def trial_started(self, trial: TrialJob) -> None:
        """A trial starts; its worker may still load TensorFlow."""
        self._rows[trial.run_id].start()
        self.print_line(f"{self._label(trial)} starts")

    def trial_ended(self, trial: TrialJob, cause: str | None) -> None:
        """A trial has ended; ``cause`` is None, or why it failed."""
        row = self._rows[trial.run_id]
        row.seconds = time.perf_counter() - row.started
        row.state = "done" if cause is None else "failed"
        row.detail = "" if cause is None else cause.splitlines()[0]
        how = "ended" if cause is None else "failed"
        self.print_line(f"{self._label(trial)} {how} after {row.seconds:.1f} s")

    def _label(self, trial: TrialJob) -> str:
        return f"trial {trial.sweep.trial} of {len(self._rows)}: {trial.name}"

    def table(self) -> Table:
        """The whole table, with what each running trial does now."""
        for run_id, row in self._rows.items():
            if row.state == "running":
                row.detail = self._now(run_id)
        return super().table()

    def _now(self, run_id: str) -> str:
        """The node that a trial runs, and the last epoch while it trains."""
        journal = self._workspace.journal(run_id)
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
