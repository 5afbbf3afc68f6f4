"""Delivers the runs of a workspace to a tracker, with a receipt beside each journal.

``catch_up`` delivers all that a server lacks, for `huberflow track`; ``deliver_pipelines`` the runs
of pipelines that are not huberflow's, which have no journals.
"""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import filelock

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.journal import close_killed
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.pipeline_runs import PipelineRuns
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.mirror import Mirror, UndeliverableError
from huberflow.pipeline.tracking.store import connect
from huberflow.pipeline.tracking.tracker import (
    NullTracker,
    Tracker,
    TrackingError,
    UnreachableError,
)

_log = logging.getLogger("huberflow.delivery")


@dataclass(frozen=True)
class Receipt:
    """Where a run has been delivered to; a file beside its journal."""

    server: str
    """The server's address, without secrets."""
    run: str
    """The run's id there."""
    experiment: str
    """The id of its experiment there."""
    complete: bool
    """Whether all of an ended run has been delivered."""


def receipt(workspace: Workspace, run_id: str) -> Receipt | None:
    """The receipt of a run; None where nothing of it has been delivered yet."""
    path = _receipt_path(workspace, run_id)
    try:
        return Receipt(**json.loads(path.read_text())) if path.exists() else None
    except (ValueError, TypeError):
        return None  # damaged: the server is asked what it has


def pending(workspace: Workspace, warn: Callable[[str], None]) -> list[Run]:
    """The runs that are complete on no server; see ``run_history.read_runs``."""
    return run_history.read_runs(map(workspace.journal, undelivered(workspace)), warn)


def undelivered(workspace: Workspace) -> list[str]:
    """The ids of runs that are complete on no server."""
    ids = (journal.stem for journal in workspace.journals.glob("*.jsonl"))
    receipts = {run: receipt(workspace, run) for run in ids}
    return [run for run, written in receipts.items() if not (written and written.complete)]


def write_tracking_ids(workspace: Workspace, run_ids: Iterable[str]) -> None:
    """Writes the tracker's ids of delivered runs into ML Metadata, unless they are there."""
    records = Records.of(workspace)
    for run_id in run_ids:
        delivered = receipt(workspace, run_id)
        if delivered is not None and records.tracking_id(run_id) != delivered.run:
            records.write_tracking_id(run_id, delivered.run)


class Delivery:
    """Delivers runs to one tracker.

    Args:
      workspace: the workspace with the runs.
      tracker: the tracker.
      server: the tracker's address without secrets, for the receipts.
    """

    def __init__(self, workspace: Workspace, tracker: Tracker, server: str) -> None:
        self._workspace = workspace
        self._tracker = tracker
        self._server = server
        self._mirrors: dict[str, Mirror] = {}
        self._undeliverable: set[str] = set()

    def deliver(self, run: Run) -> bool:
        """Delivers a run as far as it went; False where it was already complete.

        Raises:
          TrackingError: the server failed; what was delivered stays, call again.
          UndeliverableError: what the run wrote is gone or damaged.
        """
        workspace = self._workspace
        mirror = self._mirrors.get(run.id) or Mirror(self._tracker, workspace.identity)
        self._mirrors[run.id] = mirror
        try:
            return mirror.update(run)
        finally:
            self._write_receipt(run.id, mirror)
            if mirror.complete:
                del self._mirrors[run.id]

    def deliver_all(self, runs: Iterable[Run], warn: Callable[[str], None]) -> None:
        """Delivers as many runs as possible, in this order.

        Args:
          runs: the runs; one that was undeliverable before is skipped.
          warn: called with a line for each undeliverable run.

        Raises:
          TrackingError: the first refusal of the server, after all runs were tried.
          UnreachableError: nothing answers at the address.
        """
        failures = []
        for run in runs:
            if run.id in self._undeliverable:
                continue
            try:
                self.deliver(run)
            except UndeliverableError as error:
                self._undeliverable.add(run.id)
                _log.info("%s", run.id, exc_info=True)
                warn(f"{run.id}: {error}")
            except UnreachableError:
                raise
            except TrackingError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _write_receipt(self, run_id: str, mirror: Mirror) -> None:
        tracked = mirror.tracked
        if tracked is None:
            return
        new = Receipt(self._server, tracked.id, tracked.experiment, mirror.complete)
        if new != receipt(self._workspace, run_id):
            with written_atomically(_receipt_path(self._workspace, run_id)) as temporary:
                temporary.write_text(json.dumps(asdict(new)))


def _receipt_path(workspace: Workspace, run_id: str) -> Path:
    return workspace.journal(run_id).with_suffix(".tracked.json")


@dataclass(frozen=True)
class CatchUpResult:
    """The runs that ``catch_up`` delivered, and those that it could not deliver."""

    delivered: Sequence[Run]
    already_there: int
    """How many runs the server had before."""
    failed: Sequence[str]
    """A line for each run that could not be delivered: its id and the cause."""
    damaged: Sequence[str] = ()
    """A line for each journal whose run is known, and delivered, up to a damaged line alone."""


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
        delivery = Delivery(workspace, connect(uri, workspace.tracked_files), masked_text(uri))
        warnings: list[str] = []
        runs = run_history.all_runs(workspace, warnings.append)
        result = _deliver_each([(run, delivery.deliver) for run in runs], on_run)
    write_tracking_ids(workspace, [run.id for run in runs])
    return _with_warnings(result, runs, warnings)


def deliver_pipelines(
    pipelines: Iterable[PipelineRuns], tracker: Tracker, on_run: Callable[[Run, int, int], None]
) -> CatchUpResult:
    """Delivers the runs of any TFX pipelines, oldest first.

    Those that are there stay as they are, unless they have gone on since.

    Args:
      pipelines: as their metadata store has them.
      tracker: the tracker.
      on_run: called before each run, with its number and the number of runs.

    Raises:
      UnreachableError: nothing answers at the tracker's address.
    """
    deliveries = [
        (run, Mirror(tracker, pipeline.id, may_go_on=True).update)
        for pipeline in pipelines
        for run in pipeline.runs
    ]
    return _deliver_each(deliveries, on_run)


def _deliver_each(
    deliveries: Sequence[tuple[Run, Callable[[Run], bool]]],
    on_run: Callable[[Run, int, int], None],
) -> CatchUpResult:
    """Delivers runs, each with its own function, which says whether anything was missing."""
    delivered: list[Run] = []
    failed: list[str] = []
    already_there = 0
    for number, (run, deliver) in enumerate(deliveries, start=1):
        on_run(run, number, len(deliveries))
        try:
            if deliver(run):
                delivered.append(run)
            else:
                already_there += 1
        except UnreachableError:
            raise
        except (TrackingError, UndeliverableError) as error:
            failed.append(f"{run.id}: {error}")
    return CatchUpResult(delivered, already_there, failed)


def dry_run(workspace: Workspace) -> CatchUpResult:
    """What ``catch_up`` would deliver of the runs that are complete on no server."""
    warnings: list[str] = []
    failed: list[str] = []
    deliverable = []
    runs = pending(workspace, warnings.append)
    for run in runs:
        try:
            Mirror(NullTracker(), "dry run").update(run)
            deliverable.append(run)
        except UndeliverableError as error:
            failed.append(f"{run.id}: {error}")
    return _with_warnings(CatchUpResult(deliverable, 0, failed), runs, warnings)


def _with_warnings(
    result: CatchUpResult, runs: Iterable[Run], warnings: Iterable[str]
) -> CatchUpResult:
    """The result with what was said when the runs were read."""
    damaged = tuple(run.damage for run in runs if run.damage)
    unreadable = [line for line in warnings if line not in damaged]
    return replace(result, failed=[*unreadable, *result.failed], damaged=damaged)
