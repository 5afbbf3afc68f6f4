"""One trial of a sweep, run in a process that runs many."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huberflow.components.data.files import DataError
from huberflow.pipeline.execution.hooks import NodeFailedError
from huberflow.pipeline.execution.run import Sweep, load_libraries, run_once
from huberflow.pipeline.objects.sources import ObjectsError
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system import logs
from huberflow.pipeline.system.interruption import termination_as_interrupt


@dataclass(frozen=True)
class Task:
    """What a worker has to know of a trial."""

    name: str
    run_id: str
    run: ResolvedRun
    sweep: Sweep
    cache: bool
    verbose: bool


@contextmanager
def libraries(log: Path, verbose: bool) -> Iterator[None]:
    """TensorFlow and TFX are loaded; what they say outside of a run goes to ``log``."""
    atexit.register(gc.freeze)  # as in huberflow.pipeline.cli.main
    with logs.captured(log, verbose=verbose):
        load_libraries()
        yield


def run(task: Task) -> str | None:
    """Runs a trial; None, or why it failed."""
    workspace = task.run.workspace
    with (
        termination_as_interrupt(),
        logs.captured(workspace.log(task.run_id), verbose=task.verbose),
    ):
        try:
            run_once(
                task.run,
                task.run_id,
                cache=task.cache,
                name=task.name,
                log=workspace.log(task.run_id),
                sweep=task.sweep,
            )
        except (NodeFailedError, DataError, ObjectsError) as error:
            return str(error)
    return None
