"""Delivers all runs that a tracking server lacks: `huberflow track`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import filelock

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.journal import close_killed
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.delivery import Delivery, pending, write_tracking_ids
from huberflow.pipeline.tracking.mirror import Mirror, UndeliverableError
from huberflow.pipeline.tracking.store import connect
from huberflow.pipeline.tracking.tracker import NullTracker, TrackingError, UnreachableError


@dataclass(frozen=True)
class CatchUpResult:
    """The runs that ``catch_up`` delivered, and those that it could not deliver."""

    delivered: Sequence[Run]
    already_there: int
    """How many runs the server had before."""
    failed: Sequence[str]
    """A line for each run that could not be delivered: its id and the cause."""


def catch_up(
    workspace: Workspace, uri: str, on_run: Callable[[Run, int, int], None]
) -> CatchUpResult:
    """Delivers every run that is not complete on the server, oldest first.

    The server is asked for each run, so that a deleted database is rebuilt; existing runs stay as
    they are. Only for a process that has locked the workspace.

    Args:
      workspace: the workspace with the runs.
      uri: the server's address.
      on_run: called before each run, with its number and the number of runs.

    Raises:
      UnreachableError: nothing answers at the address.
    """
    with filelock.FileLock(workspace.delivery_lock):
        close_killed(workspace)
        delivery = Delivery(workspace, connect(uri, workspace), masked_text(uri))
        failed: list[str] = []
        runs = run_history.all_runs(workspace, failed.append)
        delivered: list[Run] = []
        already_there = 0
        for number, run in enumerate(runs, start=1):
            on_run(run, number, len(runs))
            try:
                if delivery.deliver(run):
                    delivered.append(run)
                else:
                    already_there += 1
            except UnreachableError:
                raise
            except (TrackingError, UndeliverableError) as error:
                failed.append(f"{run.id}: {error}")
    write_tracking_ids(workspace, [run.id for run in runs])
    return CatchUpResult(delivered, already_there, failed)


def dry_run(workspace: Workspace) -> CatchUpResult:
    """What ``catch_up`` would deliver of the runs that are complete on no server."""
    failed: list[str] = []
    deliverable = []
    for run in pending(workspace, failed.append):
        try:
            Mirror(NullTracker(), "dry run").update(run)
            deliverable.append(run)
        except UndeliverableError as error:
            failed.append(f"{run.id}: {error}")
    return CatchUpResult(deliverable, 0, failed)
