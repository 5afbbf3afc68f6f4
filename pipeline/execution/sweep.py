"""Runs the pipeline over a grid, several trials at a time; what trials share is run once."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import psutil

from huberflow.pipeline.config import Beam
from huberflow.pipeline.execution import sweep_worker
from huberflow.pipeline.execution.pool import Died, Pool
from huberflow.pipeline.execution.run import Sweep, prepare_workers
from huberflow.pipeline.execution.session import Session, session
from huberflow.pipeline.execution.sweep_display import SweepDisplay
from huberflow.pipeline.execution.sweep_worker import Task
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.journal import Journal, append
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.run_history import Status
from huberflow.pipeline.report import result
from huberflow.pipeline.resolve import grid as grids
from huberflow.pipeline.resolve.grid import Grid, Trial
from huberflow.pipeline.resolve.resolved_run import ResolvedRun, resolve

WORKER_MEMORY = 2 * 2**30
"""Bytes that a worker may take: TensorFlow, TFX, and the model of a trial."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep went."""

    id: str
    failed: Sequence[tuple[Trial, str]]
    """Trials that failed, with the cause; the others went on."""


def execute(
    grid: Grid,
    settings: Sequence[str],
    *,
    cache: bool = True,
    jobs: int | None = None,
    verbose: bool = False,
) -> Outcome:
    """Runs every trial, the first one alone, for the others to find in the cache what they share.

    Nothing is exported or pushed. All trials are compared with one baseline: the model that was
    blessed last when the sweep began.

    Args:
      grid: its trials share a workspace.
      settings: what was asked for, to be remembered.
      cache: reuse what did not change.
      jobs: how many trials may run at the same time; None for what the machine has room for.
      verbose: show the libraries' logs too.

    Raises:
      InputError: see ``resolve``.
      WorkspaceError: the workspace is taken or cannot be written.
      PreflightError: see ``prepare_workers``.
      KeyboardInterrupt: Ctrl-C or SIGTERM; trials that have finished are kept.
    """
    runs = [resolve(trial.resolved) for trial in grid.trials]
    config = runs[0].config
    with session(runs[0], verbose=verbose) as held:
        if config.beam != Beam():
            prepare_workers(held, runs[0])
        started = datetime.now(UTC)
        name = config.tracking.run_name or _name(settings, started)
        metadata = run_metadata.gather({}, held.workspace.log(held.id))
        journal = Journal(
            held.workspace.journal(held.id),
            name,
            config.plain(),
            replace(metadata, changes={}, grid=tuple(settings)),
            kind="sweep",
        )
        status: Status = "interrupted"
        try:
            newest = Records(held.workspace).newest_artifact()
            sweep = Sweep(held.id, name, started, newest)
            tasks = _tasks(held, grid, runs, sweep, cache, verbose)
            failed = _run_all(held, tasks, jobs or room(len(tasks)), verbose)
            status = "done"
        finally:
            journal.run_finished(status)
    return Outcome(held.id, [(grid.trials[task.sweep.place - 1], cause) for task, cause in failed])


def _name(settings: Sequence[str], started: datetime) -> str:
    """After the keys that have several values."""
    varied = [setting for setting in settings if len(grids.trials([setting])) > 1]
    keys = [setting.partition("=")[0].rpartition(".")[2] for setting in varied or settings]
    return f"sweep of {', '.join(keys)} {started:%m-%d %H:%M:%S}"


def room(trials: int) -> int:
    """How many trials this machine can run at the same time: by its processors and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().available // WORKER_MEMORY
    return max(1, min(trials, cores or 1, memory))


def _tasks(
    held: Session,
    grid: Grid,
    runs: Sequence[ResolvedRun],
    sweep: Sweep,
    cache: bool,
    verbose: bool,
) -> list[Task]:
    return [
        Task(trial.name, _reserved_id(held), run, replace(sweep, place=place), cache, verbose)
        for place, (trial, run) in enumerate(zip(grid.trials, runs, strict=True), start=1)
    ]


def _reserved_id(held: Session) -> str:
    """Of a run that begins later; its log is there already, so that no other takes it."""
    found = held.workspace.new_id(datetime.now(UTC))
    held.workspace.log(found).touch()
    return found


def _run_all(
    held: Session, tasks: Sequence[Task], jobs: int, verbose: bool
) -> list[tuple[Task, str]]:
    failed = []
    display = SweepDisplay(held.console, held.workspace, tasks)
    prepared = partial(sweep_worker.libraries, held.workspace.log(held.id), verbose)

    def begun(task: Task) -> None:
        held.runs.append(task.run_id)
        display.begun(task)

    with (
        _turns(held),
        display.shown(),
        closing(Pool(min(jobs, len(tasks)), prepared, sweep_worker.run)) as pool,
    ):
        for some in (tasks[:1], tasks[1:]):
            for task, outcome in pool.run(some, begun):
                cause = _buried(held, task, outcome) if isinstance(outcome, Died) else outcome
                display.ended(task, cause)
                if cause is not None:
                    failed.append((task, cause))
    return sorted(failed, key=lambda each: each[0].sweep.place)


@contextmanager
def _turns(held: Session) -> Iterator[None]:
    folder = held.workspace.turns(held.id)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder)


def _buried(held: Session, task: Task, died: Died) -> str:
    """Closes the books of a run whose process died; what is to be said of it."""
    Records(held.workspace).close_unfinished(task.run_id)
    journal = held.workspace.journal(task.run_id)
    if journal.exists():
        append(
            journal, {"event": "ended", "time": datetime.now(UTC).timestamp(), "status": "killed"}
        )
    log = result.from_here(held.workspace.log(task.run_id))
    memory = "; memory may have run out, write: --jobs 1" if died.exit_code == -9 else ""
    return f"its process ended with {died.exit_code}{memory}\nlog: {log}"
