"""Delivers a workspace's journals to a tracker, and notes beside each how far it got."""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from huberflow.pipeline.history import run_history
from huberflow.pipeline.history.run_history import Run
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.tracking.mirror import Mirror, UndeliverableError
from huberflow.pipeline.tracking.tracker import Tracker, TrackingError, UnreachableError

_log = logging.getLogger("huberflow.delivery")


@dataclass(frozen=True)
class Receipt:
    """Where a run has been delivered to; lies beside its journal."""

    server: str
    """Address, without secrets."""
    run: str
    """Id of the run there."""
    experiment: str
    """Id of its experiment there."""
    complete: bool
    """Whether all of it has been delivered."""


def receipt(workspace: Workspace, run_id: str) -> Receipt | None:
    """Of a run; none where nothing of it has been delivered yet."""
    path = _receipt_path(workspace, run_id)
    try:
        return Receipt(**json.loads(path.read_text())) if path.exists() else None
    except (ValueError, TypeError):
        return None  # damaged: the server will say what it has


def pending(workspace: Workspace, warn: Callable[[str], None]) -> list[Run]:
    """Runs of which not all has been delivered to some server, see ``history.read_all``."""
    return run_history.read_all(map(workspace.journal, undelivered(workspace)), warn)


def undelivered(workspace: Workspace) -> list[str]:
    """Ids of runs of which not all has been delivered to some server."""
    ids = (journal.stem for journal in workspace.journals.glob("*.jsonl"))
    return [run for run in ids if not _complete(receipt(workspace, run))]


class Delivery:
    """Delivers runs to one tracker.

    Args:
      workspace: whose runs.
      tracker: where to.
      server: its address, for the receipts; without secrets.
    """

    def __init__(self, workspace: Workspace, tracker: Tracker, server: str) -> None:
        self._workspace = workspace
        self._tracker = tracker
        self._server = server
        self._mirrors: dict[str, Mirror] = {}
        self._given_up: set[str] = set()

    def deliver(self, run: Run) -> bool:
        """Delivers a run as far as it went; whether the tracker lacked anything of it.

        Raises:
          TrackingError: not all could be delivered; what was stays, call again.
          UndeliverableError: not all can be delivered.
        """
        workspace = self._workspace
        mirror = self._mirrors.get(run.id) or Mirror(self._tracker, workspace.identity)
        self._mirrors[run.id] = mirror
        try:
            return mirror.update(run)
        finally:
            self._sign(run.id, mirror)
            if mirror.complete:
                del self._mirrors[run.id]

    def deliver_all(self, runs: Iterable[Run], warn: Callable[[str], None]) -> None:
        """Delivers what it can of all, in this order.

        Args:
          runs: those that proved undeliverable before are not tried again.
          warn: told in a line of each that is undeliverable.

        Raises:
          TrackingError: of the first run that the server did not take, once all were tried.
          UnreachableError: there is no server.
        """
        failures = []
        for run in runs:
            if run.id in self._given_up:
                continue
            try:
                self.deliver(run)
            except UndeliverableError as error:
                self._given_up.add(run.id)
                _log.info("%s", run.id, exc_info=True)
                warn(f"{run.id}: {error}")
            except UnreachableError:
                raise
            except TrackingError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def _sign(self, run_id: str, mirror: Mirror) -> None:
        tracked = mirror.tracked
        if tracked is None:
            return
        signed = Receipt(self._server, tracked.id, tracked.experiment, mirror.complete)
        if signed != receipt(self._workspace, run_id):
            with written_atomically(_receipt_path(self._workspace, run_id)) as temporary:
                temporary.write_text(json.dumps(asdict(signed)))


def _receipt_path(workspace: Workspace, run_id: str) -> Path:
    return workspace.journal(run_id).with_suffix(".tracked.json")


def _complete(found: Receipt | None) -> bool:
    return found is not None and found.complete
