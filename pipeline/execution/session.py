"""A session: the workspace is locked for runs, and the tracker gets their results meanwhile."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from huberflow.pipeline.config import Config
from huberflow.pipeline.history.journal import close_killed
from huberflow.pipeline.history.lock_watch import told
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report.result import print_line
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system import logs
from huberflow.pipeline.system.display_path import display_path
from huberflow.pipeline.system.interruption import termination_as_interrupt
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking import links
from huberflow.pipeline.tracking.delivery import undelivered, write_tracking_ids
from huberflow.pipeline.tracking.delivery_process import DeliveryProcess
from huberflow.pipeline.tracking.store import store_uri


@dataclass
class Session:
    """A workspace that is locked for a run or a sweep."""

    id: str
    """The id of the run or sweep."""
    workspace: Workspace
    console: Console
    runs: list[str] = field(default_factory=list)
    """The ids of the runs that have started."""

    def print_line(self, label: str, value: str) -> None:
        """Prints one line of the summary."""
        print_line(self.console, label, value)


@contextmanager
def open_session(run: ResolvedRun, *, verbose: bool) -> Iterator[Session]:
    """Locks the workspace, redirects what libraries print to a log, and delivers to the tracker.

    Raises:
      InputError: the workspace is locked or cannot be written.
    """
    workspace = run.workspace
    with workspace.locked(), termination_as_interrupt():
        close_killed(workspace)
        session_id = workspace.new_id(datetime.now(UTC))
        with logs.captured(workspace.log(session_id), verbose=verbose) as terminal:
            console = Console(file=terminal, force_terminal=False if verbose else None)
            session = Session(session_id, workspace, console)
            tell = partial(console.print, soft_wrap=True, highlight=False, markup=False)
            with told(workspace.metadata, tell), _tracked(session, run.config):
                records = Records.of(workspace)
                records.follow_move()
                for killed in records.close_unfinished():
                    console.print(f"closed {killed.node} of run {killed.run}, which was killed")
                yield session


@contextmanager
def _tracked(session: Session, config: Config) -> Iterator[None]:
    """Delivers runs to the tracker in the background; waits a limited time for the rest."""
    if not config.tracking.enabled:
        yield
        return
    earlier = undelivered(session.workspace)
    uri = store_uri(config.tracking, session.workspace)

    def at_end(delivered: bool) -> None:
        write_tracking_ids(session.workspace, (*earlier, *session.runs))
        session.print_line("mlflow", _run_page(session) if delivered else _later(session, config))

    artifacts, patience = session.workspace.tracked_files, config.tracking.patience
    with delivered_meanwhile(
        session.workspace, uri, artifacts, session.console, patience, at_end=at_end
    ):
        yield


@contextmanager
def delivered_meanwhile(
    workspace: Workspace,
    uri: str,
    artifacts: Path | None,
    console: Console,
    patience: float,
    *,
    at_end: Callable[[bool], None],
) -> Iterator[None]:
    """Delivers the runs of a workspace in the background.

    Args:
      workspace: with the journals of the runs.
      uri: the tracker's address.
      artifacts: see ``connect``.
      console: for the first failure of the server.
      patience: seconds to wait for the rest when the block ends, in whatever way.
      at_end: called then, with whether all was delivered.
    """
    warn = partial(console.print, soft_wrap=True, highlight=False, markup=False)
    delivery = DeliveryProcess(workspace, uri, artifacts, warn)
    try:
        yield
    finally:
        with console.status("delivering to MLflow"):
            delivered = delivery.finish(patience)
        at_end(delivered)


def _run_page(session: Session) -> str:
    """The page of the last run, or the command that opens it."""
    return links.run_page_or_ui(session.workspace, session.runs[-1] if session.runs else None)


def _later(session: Session, config: Config) -> str:
    """The command that delivers the runs later."""
    uri = config.tracking.uri
    server = ["--set", f"tracking.uri={masked_text(uri)}"] if uri else []
    return f"not delivered yet; later: {_command('track', session, *server)}"


def _command(verb: str, session: Session, *options: str) -> str:
    """A command on the session's workspace, for a shell."""
    workspace = display_path(session.workspace.root)
    return shlex.join(["huberflow", verb, "--workspace", workspace, *options])
