"""Delivers all that a tracking server lacks of a workspace: `huberflow track`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import filelock

from pipeline import history
from pipeline.history import Run
from pipeline.journal import close_killed
from pipeline.records import Records
from pipeline.tracking.delivery import Delivery, pending, receipt
from pipeline.tracking.masking import masked_text
from pipeline.tracking.mirror import Mirror
from pipeline.tracking.port import NullTracker, TrackingError
from pipeline.tracking.store import connect
from pipeline.workspace import Workspace


@dataclass(frozen=True)
class Outcome:
    """What ``catch_up`` did."""

    delivered: Sequence[Run]
    already_there: int
    failed: Sequence[tuple[Run, str]]
    """With the cause of each, in one line."""


def catch_up(workspace: Workspace, uri: str, tell: Callable[[Run, int, int], None]) -> Outcome:
    """Delivers every run that the server does not have whole, oldest first.

    The server itself is asked, so that a database that was deleted is rebuilt; what is there stays
    as it is.

    Args:
      workspace: whose runs.
      uri: of the server.
      tell: told of each run before it is looked at, with its number and how many there are.

    Raises:
      WorkspaceError: a run holds the workspace; it delivers by itself.
      TrackingError: the server cannot be reached.
    """
    with workspace.locked(), filelock.FileLock(workspace.delivering):
        close_killed(workspace)
        delivery = Delivery(workspace, connect(uri, workspace), masked_text(uri))
        runs = history.runs(workspace)
        records = Records(workspace)
        delivered, failed = [], []
        for number, run in enumerate(runs, start=1):
            tell(run, number, len(runs))
            try:
                if delivery.deliver(run):
                    delivered.append(run)
            except TrackingError as error:
                failed.append((run, str(error)))
            _note(workspace, records, run)
    return Outcome(delivered, len(runs) - len(delivered) - len(failed), failed)


def undelivered(workspace: Workspace) -> list[Run]:
    """Runs that no server has whole; each is told to a tracker that sends nothing.

    Raises:
      OSError: something that a run wrote is gone, so that it cannot be delivered.
    """
    found = pending(workspace)
    for run in found:
        Mirror(NullTracker(), workspace.identity).update(run)
    return found


def _note(workspace: Workspace, records: Records, run: Run) -> None:
    """Writes in ML Metadata where the run is tracked, where it does not say so yet."""
    found = receipt(workspace, run.id)
    if found is not None and records.tracking_id(run.id) != found.run:
        records.note_tracked(run.id, found.run)
