"""Shows a run while it happens: a live table on a terminal, a line per event elsewhere."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.spinner import Spinner
from rich.text import Text

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.execution.live_table import LiveTable
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.metadata_store import Execution, Records
from huberflow.pipeline.history.reasons import reason
from huberflow.pipeline.system.interruption import first_line

_STYLES = {
    "ran": "green",
    "cached": "cyan",
    "resolved": "cyan",
    "failed": "bold red",
    "running": "yellow",
}


@dataclass
class _Row:
    state: str = "waiting"
    started: float = 0.0
    seconds: float | None = None
    why: str = ""


class Display(LiveTable, Hooks):
    """Shows each node's state, its seconds, and why it ran.

    Args:
      console: where to print; live only if it is a terminal.
      records: the earlier runs, to explain why a node ran.
      cache: whether the run may reuse results.
    """

    def __init__(self, console: Console, records: Records, *, cache: bool) -> None:
        super().__init__(console, ("node", "state", "seconds", "why"))
        self._records = records
        self._cache = cache
        self._rows: dict[str, _Row] = {}
        self._width = 0

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Lists the nodes."""
        self._rows = {node: _Row() for node in nodes}
        self._width = max(map(len, nodes))
        self.print_line(f"run {run_id}")

    def node_started(self, node: str) -> None:
        """Starts the node's clock."""
        self._rows[node].state = "running"
        self._rows[node].started = time.perf_counter()

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """Shows the node's state and the reason for it."""
        why = reason(self._records, execution, cache=self._cache)
        self._close(execution.node, execution.state, seconds, why)

    def node_failed(self, node: str, seconds: float, error: BaseException) -> None:
        """Shows the cause in one line."""
        interrupted = isinstance(error, KeyboardInterrupt)
        self._close(node, "failed", seconds, "interrupted" if interrupted else first_line(error))

    def epoch_finished(self, progress: EpochProgress) -> None:
        """Shows the losses of an epoch."""
        row = next((row for row in self._rows.values() if row.state == "running"), None)
        values = progress.values
        shown = {key: values[key] for key in ("loss", "val_loss") if key in values}
        why = f"epoch {progress.epoch}/{progress.epochs}" + "".join(
            f"  {key} {value:.4g}" for key, value in shown.items()
        )
        if row is not None:
            row.why = why
        self.print_line(f"  {'':{self._width}}  {why}")

    def _close(self, node: str, state: str, seconds: float, why: str) -> None:
        row = self._rows[node]
        row.state, row.seconds, row.why = state, seconds, why
        self.print_line(f"  {node:{self._width}}  {state:8}{seconds:6.1f} s  {why}")

    def rows(self) -> Iterator[tuple[RenderableType, ...]]:
        """A row for each node."""
        for node, row in self._rows.items():
            running = row.state == "running"
            seconds = time.perf_counter() - row.started if running else row.seconds
            state = Text(row.state, _STYLES.get(row.state, "dim"))
            yield (
                node,
                Spinner("dots", state) if running else state,
                "" if seconds is None else f"{seconds:.1f}",
                Text(row.why, overflow="ellipsis", no_wrap=True),
            )
