"""A trial: a run that belongs to a sweep, and what the process that runs it has to know."""

from dataclasses import dataclass
from datetime import datetime

from huberflow.pipeline.resolve.resolved_run import ResolvedRun


@dataclass(frozen=True)
class Sweep:
    """The sweep that a run is a trial of: exports nothing, and all trials have one baseline."""

    id: str
    name: str
    started: datetime
    newest_artifact: int
    """The newest artifact id when the sweep began; later models are no baselines."""
    trial: int = 0
    """The number of the trial, from 1."""


@dataclass(frozen=True)
class TrialJob:
    """What a worker needs to run a trial."""

    name: str
    run_id: str
    run: ResolvedRun
    sweep: Sweep
    cache: bool
    verbose: bool
