"""Runs trials of a sweep, in a process that runs many."""

import atexit
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.execution.run import Sweep, load_libraries, run_once
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system import logs
from huberflow.pipeline.system.interruption import termination_as_interrupt


@dataclass(frozen=True)
class TrialJob:
    """What a worker needs to run a trial."""

    name: str
    run_id: str
    run: ResolvedRun
    sweep: Sweep
    cache: bool
    verbose: bool


def run_trials(log: Path, verbose: bool, jobs: Iterator[TrialJob]) -> Iterator[str | None]:
    """Runs each trial; yields None, or why it failed. Output between trials goes to ``log``."""
    atexit.register(gc.freeze)  # as in huberflow.pipeline.cli.main
    with logs.captured(log, verbose=verbose):
        load_libraries()
        yield from map(run_trial, jobs)


def run_trial(job: TrialJob) -> str | None:
    """Runs one trial; None, or why it failed."""
    log = job.run.workspace.log(job.run_id)
    with termination_as_interrupt(), logs.captured(log, verbose=job.verbose):
        try:
            run_once(job.run, job.run_id, cache=job.cache, name=job.name, sweep=job.sweep)
        except (NodeFailedError, InputError) as error:
            return str(error)
    return None
