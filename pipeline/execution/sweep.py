"""Runs the pipeline for each trial of a grid, several at a time; shared nodes run once."""

import atexit
import gc
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.config import Beam
from huberflow.pipeline.execution.display import SweepDisplay
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.execution.pool import Pool, WorkerDied
from huberflow.pipeline.execution.run import load_libraries, prepare_workers, run_once
from huberflow.pipeline.execution.session import Session, open_session
from huberflow.pipeline.execution.trial import Sweep, TrialJob
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.journal import Journal, append_end
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.run_history import RunStatus
from huberflow.pipeline.resolve import grid as grids
from huberflow.pipeline.resolve.grid import Grid
from huberflow.pipeline.resolve.resolved_run import resolve
from huberflow.pipeline.system import logs
from huberflow.pipeline.system.display_path import display_path
from huberflow.pipeline.system.interruption import termination_as_interrupt

WORKER_MEMORY = 2 * 2**30
"""Bytes that a worker may need: TensorFlow, TFX, and the model of a trial."""


@dataclass(frozen=True)
class SweepResult:
    """The id of a sweep, and the names of its failed trials, each with the cause."""

    id: str
    failed: Sequence[tuple[str, str]]


def execute(
    grid: Grid,
    settings: Sequence[str],
    *,
    cache: bool = True,
    jobs: int | None = None,
    verbose: bool = False,
) -> SweepResult:
    """Runs every trial; the first one alone, so that the others reuse the nodes that they share.

    Nothing is exported or pushed. All trials are compared with one baseline: the model that was
    blessed last when the sweep began.

    Args:
      grid: its trials share a workspace.
      settings: the user's ``KEY=VALUE`` options, for the journal.
      cache: whether results of nodes that did not change are reused.
      jobs: how many trials may run at the same time; None for as many as the machine can run.
      verbose: whether the libraries' logs are shown too.

    Raises:
      InputError: see ``resolve``; or the workspace is locked or cannot be written.
      PreflightError: see ``prepare_workers``.
      KeyboardInterrupt: Ctrl-C or SIGTERM; trials that have finished are kept.
    """
    runs = [resolve(trial.resolved) for trial in grid.trials]
    config = runs[0].config
    with open_session(runs[0], verbose=verbose) as session:
        if config.beam != Beam():
            prepare_workers(session, runs[0])
        started = datetime.now(UTC)
        name = config.tracking.run_name or _name(settings, started)
        metadata = run_metadata.gather({}, session.workspace.log(session.id))
        journal = Journal(
            session.workspace.journal(session.id),
            name,
            config.experiment,
            config.plain(),
            replace(metadata, grid=tuple(settings)),
            kind="sweep",
        )
        status: RunStatus = "interrupted"
        try:
            newest = Records.of(session.workspace).newest_artifact()
            sweep = Sweep(session.id, name, started, newest)
            trials: list[TrialJob] = []
            for trial, run in zip(grid.trials, runs, strict=True):
                run_id = session.workspace.new_id(datetime.now(UTC))
                session.workspace.log(run_id).touch(0o600)  # an empty log reserves the id
                numbered = replace(sweep, trial=len(trials) + 1)
                trials.append(TrialJob(trial.name, run_id, run, numbered, cache, verbose))
            failed = _run_all(session, trials, jobs or machine_capacity(len(trials)), verbose)
            status = "done"
        finally:
            journal.run_finished(status)
    return SweepResult(session.id, failed)


def _name(settings: Sequence[str], started: datetime) -> str:
    """A name made from the keys that have several values."""
    varied = [setting for setting in settings if len(grids.trials([setting])) > 1]
    keys = [setting.partition("=")[0].rpartition(".")[2] for setting in varied or settings]
    return f"sweep of {', '.join(keys)} {started:%m-%d %H:%M:%S}"


def machine_capacity(trials: int) -> int:
    """How many of the trials this machine can run at the same time: by its cores and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().available // WORKER_MEMORY
    return max(1, min(trials, cores or 1, memory))


def _run_all(
    session: Session, trials: Sequence[TrialJob], jobs: int, verbose: bool
) -> list[tuple[str, str]]:
    """Runs all trials; the names of the failed ones, each with the cause."""
    causes: dict[str, str] = {}  # by run id
    display = SweepDisplay(session.console, session.workspace, trials)
    work = partial(run_trials, session.workspace.log(session.id), verbose)

    def on_start(trial: TrialJob) -> None:
        session.runs.append(trial.run_id)
        display.trial_started(trial)

    with (
        ExitStack() as stack,
        display.shown(),
        closing(Pool(min(jobs, len(trials)), work)) as pool,
    ):
        locks = session.workspace.trial_locks(session.id)
        locks.mkdir()
        stack.callback(shutil.rmtree, locks)
        for some in (trials[:1], trials[1:]):
            for trial, cause in pool.run(some, on_start):
                if isinstance(cause, WorkerDied):
                    cause = _close_killed(session, trial, cause)
                display.trial_ended(trial, cause)
                if cause is not None:
                    causes[trial.run_id] = cause
    return [(trial.name, causes[trial.run_id]) for trial in trials if trial.run_id in causes]


def _close_killed(session: Session, trial: TrialJob, died: WorkerDied) -> str:
    """Closes the records of a trial whose process was killed; the message for the user."""
    Records.of(session.workspace).close_unfinished(trial.run_id)
    journal = session.workspace.journal(trial.run_id)
    if journal.exists():
        append_end(journal, "killed", datetime.now(UTC).timestamp())
    log = display_path(session.workspace.log(trial.run_id))
    memory = "; memory may have run out, write: --jobs 1" if died.exit_code == -9 else ""
    return f"its process ended with {died.exit_code}{memory}\nlog: {log}"


def run_trials(log: Path, verbose: bool, jobs: Iterator[TrialJob]) -> Iterator[str | None]:
    """Runs each trial in a worker process; yields None, or why it failed.

    Output between trials goes to ``log``.
    """
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
