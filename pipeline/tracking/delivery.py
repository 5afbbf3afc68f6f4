"""Delivers a workspace's journals to a tracker, and notes beside each how far it got."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import history
from pipeline.history import Run
from pipeline.tracking.mirror import Mirror
from pipeline.tracking.port import Tracker, TrackingError
from pipeline.workspace import Workspace


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
    return Receipt(**json.loads(path.read_text())) if path.exists() else None


def pending(workspace: Workspace) -> list[Run]:
    """Runs of which not all has been delivered to some server, oldest first."""
    journals = workspace.journals.glob("*.jsonl")
    open_ones = [j for j in journals if not _complete(receipt(workspace, j.stem))]
    return history.in_order(history.read(journal) for journal in open_ones)


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

    def deliver(self, run: Run) -> bool:
        """Delivers a run as far as it went; whether the tracker lacked anything of it.

        Raises:
          TrackingError: not all could be delivered; what was stays, call again.
        """
        workspace = self._workspace
        mirror = self._mirrors.setdefault(run.id, Mirror(self._tracker, workspace.identity))
        try:
            return mirror.update(run)
        finally:
            self._sign(run.id, mirror)

    def deliver_all(self, runs: Iterable[Run]) -> None:
        """Delivers what it can of all, in this order.

        Raises:
          TrackingError: of the first run that could not be delivered, once all were tried.
        """
        failures = []
        for run in runs:
            try:
                self.deliver(run)
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
            path = _receipt_path(self._workspace, run_id)
            aside = path.with_suffix(".aside")
            aside.write_text(json.dumps(asdict(signed)))
            aside.rename(path)


def _receipt_path(workspace: Workspace, run_id: str) -> Path:
    return workspace.journal(run_id).with_suffix(".tracked.json")


def _complete(found: Receipt | None) -> bool:
    return found is not None and found.complete
