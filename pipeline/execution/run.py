"""Runs of the pipeline in one workspace, from config to result."""

import gc
import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huberflow.pipeline.execution.hooks import Hooks, NodeFailedError
from huberflow.pipeline.execution.session import Session, session
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.journal import Journal
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report import result
from huberflow.pipeline.resolve.resolved_run import ResolvedRun


@dataclass(frozen=True)
class Sweep:
    """The sweep that a run is a trial of: exports nothing, and has one baseline for all."""

    id: str
    name: str
    started: datetime
    newest_artifact: int
    """Of the workspace, when it began."""
    place: int = 0
    """Of the trial in it, from 1."""


def execute(run: ResolvedRun, *, cache: bool = True, verbose: bool = False) -> result.Result:
    """Runs the pipeline, shows it, and returns what came out.

    Args:
      run: resolved.
      cache: reuse what did not change.
      verbose: show the libraries' logs too.

    Raises:
      WorkspaceError: the workspace is taken or cannot be written.
      PreflightError: see ``prepare_workers``.
      NodeFailedError: it has the cause; the log has the traceback.
      KeyboardInterrupt: Ctrl-C or SIGTERM; nothing is half published.
    """
    with session(run, verbose=verbose) as held:
        with held.console.status("loading TensorFlow and TFX"):
            load_libraries()
        prepare_workers(held, run)
        held.runs.append(held.id)
        found = _shown(held, run, cache=cache)
        held.console.print()
        result.show(held.console, found, run.config.plain()["evaluation"])
        held.say("log", result.from_here(held.workspace.log(held.id)))
    return found


def _shown(held: Session, run: ResolvedRun, *, cache: bool) -> result.Result:
    from huberflow.pipeline.execution.display import Display
    from huberflow.pipeline.execution.prewarm import Prewarm

    records = Records(held.workspace)
    display = Display(held.console, records, cache=cache)
    with display.shown():
        run_once(
            run,
            held.id,
            cache=cache,
            log=held.workspace.log(held.id),
            hooks=[display, Prewarm()],
        )
    return result.read(records.run(held.id))


def run_once(
    run: ResolvedRun,
    run_id: str,
    *,
    cache: bool,
    log: Path,
    hooks: Sequence[Hooks] = (),
    name: str | None = None,
    sweep: Sweep | None = None,
) -> None:
    """Runs the pipeline once, and writes its journal.

    Args:
      run: resolved; its workspace is locked by the caller, or by who started this process.
      run_id: new.
      cache: reuse what did not change.
      log: where the libraries' words go, for whoever asks why it failed.
      hooks: told of every step, after the journal.
      name: of the run, for people; made from the config where there is none.
      sweep: that the run is a trial of; others of its trials may run at the same time.

    Raises:
      NodeFailedError: it has the cause; the log has the traceback.
    """
    from huberflow.components.export import serving_export
    from huberflow.pipeline.execution.runner import LocalRunner

    config, workspace = run.config, run.workspace
    built = _pipeline(run, cache, sweep)
    metadata = replace(run_metadata.gather(run.changes, log), **(_of_sweep(sweep) if sweep else {}))
    serving_export.RUN.set(run_metadata.lineage(workspace.identity, run_id, metadata.git))
    journal = Journal(
        workspace.journal(run_id),
        name or run_metadata.run_name(config, run.changes, datetime.now(UTC)),
        config.plain(),
        metadata,
        sweep=sweep.id if sweep else None,
    )
    turns = workspace.turns(sweep.id) if sweep else None
    try:
        with run.beam.worker_imports():
            hooks = [journal, *hooks]
            LocalRunner(run_id, workspace, hooks, turns, run.beam.arguments).run(built)
    except NodeFailedError as error:
        error.details += [*_misfits(error.cause, workspace), f"log: {result.from_here(log)}"]
        raise


def _misfits(cause: BaseException, workspace: Workspace) -> list[str]:
    """Where the data do not fit the pinned schema: each anomaly, and how to accept it."""
    from huberflow.components.validation.pinned_schema import MisfitError

    if not isinstance(cause, MisfitError):
        return []
    folder = shlex.quote(result.from_here(workspace.root))
    accept = f"huberflow schema accept --workspace {folder}"
    return [*cause.anomalies, f"fix the data, or accept them as they are: {accept}"]


def _pipeline(run: ResolvedRun, cache: bool, sweep: Sweep | None) -> Any:
    from huberflow.pipeline.dag.graph import create_pipeline

    if sweep is None:
        return create_pipeline(run, cache=cache)
    return create_pipeline(run, cache=cache, newest=sweep.newest_artifact, export=False)


def _of_sweep(sweep: Sweep) -> dict[str, Any]:
    return {
        "sweep_name": sweep.name,
        "sweep_started": sweep.started.timestamp(),
        "sweep_trial": sweep.place,
    }


def load_libraries() -> None:
    """Imports TensorFlow, TFX and what else a pipeline needs; takes long."""
    # A million objects that stay: looking for garbage among them is a third of the time here.
    gc.disable()
    import huberflow.pipeline.dag.graph  # noqa: F401

    gc.freeze()
    gc.enable()


def prepare_workers(held: Session, run: ResolvedRun) -> None:
    """Says where rows will be processed; where that is elsewhere, tries whether all is there.

    Raises:
      PreflightError: a worker cannot import or build what the pipeline needs.
    """
    from huberflow.pipeline.beam import preflight

    # It says goodbye to each job server when Python ends, after the log has been closed.
    logging.getLogger("apache_beam.utils.subprocess_server").setLevel(logging.ERROR)
    held.say("beam", run.beam.description)
    if run.beam.has_workers:
        with held.console.status("trying a worker"):
            seconds = preflight.check(run.beam, run.config, run.objects)
        held.say("preflight", f"ok, {seconds:.0f} s")
