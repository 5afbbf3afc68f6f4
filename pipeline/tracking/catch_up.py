"""Delivers all that a tracking server lacks of a workspace: `huberflow track`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import filelock

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.journal import close_killed
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.delivery import Delivery, pending, receipt
from huberflow.pipeline.tracking.mirror import Mirror, UndeliverableError
from huberflow.pipeline.tracking.store import connect
from huberflow.pipeline.tracking.tracker import NullTracker, TrackingError, UnreachableError


@dataclass(frozen=True)
class Outcome:
    """What ``catch_up`` did."""

    delivered: Sequence[Run]
    already_there: int
    failed: Sequence[str]
    """Of each run that could not be delivered, what it is and why, in one line for the user."""


def catch_up(workspace: Workspace, uri: str, tell: Callable[[Run, int, int], None]) -> Outcome:
    """Delivers every run that the server does not have whole, oldest first.

    The server itself is asked, so that a database that was deleted is rebuilt; what is there stays
    as it is. Only for the holder of the workspace's lock: a run delivers by itself.

    Args:
      workspace: whose runs.
      uri: of the server.
      tell: told of each run before it is looked at, with its number and how many there are.

    Raises:
      UnreachableError: there is no server.
    """
    with filelock.FileLock(workspace.delivery_lock):
        close_killed(workspace)
        delivery = Delivery(workspace, connect(uri, workspace), masked_text(uri))
        failed: list[str] = []
        runs = run_history.runs(workspace, failed.append)
        records = Records(workspace)
        delivered: list[Run] = []
        already_there = 0
        for number, run in enumerate(runs, start=1):
            tell(run, number, len(runs))
            try:
                if delivery.deliver(run):
                    delivered.append(run)
                else:
                    already_there += 1
            except UnreachableError:
                raise
            except (TrackingError, UndeliverableError) as error:
                failed.append(f"{run.id}: {error}")
            _note(workspace, records, run)
    return Outcome(delivered, already_there, failed)


def undelivered(workspace: Workspace) -> Outcome:
    """What would be delivered of the runs that no server has whole; sends and writes nothing."""
    failed: list[str] = []
    deliverable = []
    for run in pending(workspace, failed.append):
        try:
            Mirror(NullTracker(), "dry run").update(run)
            deliverable.append(run)
        except UndeliverableError as error:
            failed.append(f"{run.id}: {error}")
    return Outcome(deliverable, 0, failed)


def _note(workspace: Workspace, records: Records, run: Run) -> None:
    """Writes in ML Metadata where the run is tracked, where it does not say so yet."""
    found = receipt(workspace, run.id)
    if found is not None and records.tracking_id(run.id) != found.run:
        records.note_tracked(run.id, found.run)
