"""A workspace that is held for runs, whose results go to the tracker while they happen."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console

from huberflow.pipeline.config import Config
from huberflow.pipeline.history.journal import close_killed
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report import result
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system import logs
from huberflow.pipeline.system.interruption import termination_as_interrupt
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking import links
from huberflow.pipeline.tracking.delivery import receipt, undelivered
from huberflow.pipeline.tracking.delivery_process import DeliveryProcess
from huberflow.pipeline.tracking.store import store_uri


@dataclass
class Session:
    """A workspace, held for one or more runs."""

    id: str
    """Of its run, or of its sweep."""
    workspace: Workspace
    console: Console
    runs: list[str] = field(default_factory=list)
    """Ids of those that have begun."""

    def say(self, what: str, value: str) -> None:
        """One line of the summary."""
        self.console.print(f"{what:14}{value}", soft_wrap=True, highlight=False, markup=False)


@contextmanager
def session(run: ResolvedRun, *, verbose: bool) -> Iterator[Session]:
    """Holds the workspace, sends what libraries print to its log, and delivers to the tracker.

    Raises:
      WorkspaceError: the workspace is taken or cannot be written.
    """
    workspace = run.workspace
    with workspace.locked(), termination_as_interrupt():
        close_killed(workspace)
        session_id = workspace.new_id(datetime.now(UTC))
        with logs.captured(workspace.log(session_id), verbose=verbose) as terminal:
            console = Console(file=terminal, force_terminal=False if verbose else None)
            held = Session(session_id, workspace, console)
            with _tracked(held, run.config):
                _close_killed(held)
                yield held


def _close_killed(held: Session) -> None:
    for execution in Records(held.workspace).close_unfinished():
        held.console.print(f"closed {execution.node} of run {execution.run}, which was killed")


@contextmanager
def _tracked(held: Session, config: Config) -> Iterator[None]:
    """Delivers the runs while they happen; when they end, waits for the rest, for a while."""
    if not config.tracking.enabled:
        yield
        return
    uri, left_over = store_uri(config.tracking, held.workspace), undelivered(held.workspace)
    follower = DeliveryProcess(held.workspace, uri, held.console.print)
    try:
        yield
    finally:
        with held.console.status("delivering to MLflow"):
            delivered = follower.finish(config.tracking.patience)
        _sign(held, left_over)
        held.say("mlflow", _where(held) if delivered else _how_later(held, config))


def _sign(held: Session, left_over: Iterable[str]) -> None:
    """Notes in ML Metadata where the runs are tracked, earlier ones too."""
    records = Records(held.workspace)
    for run in (*left_over, *held.runs):
        found = receipt(held.workspace, run)
        if found is not None:
            records.note_tracked(run, found.run)


def _where(held: Session) -> str:
    """The page of the last run, or the command that opens it."""
    page = links.run_page(held.workspace, held.runs[-1]) if held.runs else None
    return page or f"huberflow ui --workspace {result.from_here(held.workspace.root)}"


def _how_later(held: Session, config: Config) -> str:
    """The command that delivers what could not be delivered now."""
    uri = config.tracking.uri
    server = f" --set tracking.uri={masked_text(uri)}" if uri else ""
    workspace = result.from_here(held.workspace.root)
    return f"not delivered yet; later: huberflow track --workspace {workspace}{server}"
