"""Runs of the pipeline in one workspace, from config to result."""

import gc
import logging
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huberflow.pipeline.beam import beam_target
from huberflow.pipeline.config import Config
from huberflow.pipeline.execution.session import Session, session
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.journal import Journal
from huberflow.pipeline.history.metadata_store import Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report import result
from huberflow.pipeline.schema import schema_file


class PipelineError(Exception):
    """A node failed; the message names it, the cause in one line, and the log."""


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


def execute(config: Config, *, cache: bool = True, verbose: bool = False) -> result.Result:
    """Runs the pipeline, shows it, and returns what came out.

    Args:
      config: validated.
      cache: reuse what did not change.
      verbose: show the libraries' logs too.

    Raises:
      SchemaError: the pinned schema cannot be used.
      WorkspaceError: the workspace is taken or cannot be written.
      EngineError: Beam's options cannot be right.
      PreflightError: see ``prepare_workers``.
      PipelineError: a node failed; the log has the traceback.
      KeyboardInterrupt: Ctrl-C or SIGTERM; nothing is half published.
    """
    schema_file.check(config)
    beam_target.check_options(config.beam)
    with session(config, verbose=verbose) as held:
        with held.console.status("loading TensorFlow and TFX"):
            load_libraries()
        prepare_workers(held, config)
        held.runs.append(held.id)
        found = _shown(held, config, cache=cache)
        held.console.print()
        result.show(held.console, found, config.plain()["evaluation"])
        held.say("log", result.from_here(held.workspace.log(held.id)))
    return found


def _shown(held: Session, config: Config, *, cache: bool) -> result.Result:
    from huberflow.pipeline.execution.display import Display
    from huberflow.pipeline.execution.prewarm import Ahead

    records = Records(held.workspace)
    display = Display(held.console, records, cache=cache)
    with display.shown():
        run_once(
            held.workspace,
            held.id,
            config,
            cache=cache,
            log=held.workspace.log(held.id),
            hooks=[display, Ahead()],
        )
    return result.read(records.run(held.id))


def run_once(
    workspace: Workspace,
    run_id: str,
    config: Config,
    *,
    cache: bool,
    log: Path,
    hooks: Sequence[Any] = (),
    name: str | None = None,
    sweep: Sweep | None = None,
) -> None:
    """Runs the pipeline once, and writes its journal.

    Args:
      workspace: held by the caller, or by who started this process.
      run_id: new.
      config: validated.
      cache: reuse what did not change.
      log: where the libraries' words go, for whoever asks why it failed.
      hooks: told of every step, after the journal.
      name: of the run, for people; made from the config where there is none.
      sweep: that the run is a trial of; others of its trials may run at the same time.

    Raises:
      PipelineError: a node failed; the log has the traceback.
    """
    from huberflow.components.export import serving_export
    from huberflow.pipeline.execution.runner import LocalRunner, NodeFailedError
    from huberflow.pipeline.objects import chosen_objects

    where = beam_target.resolve_target(config, chosen_objects.installed(config))
    built = _pipeline(config, cache, sweep)
    known = run_metadata.gather(config, log) | (_of_sweep(sweep) if sweep else {})
    serving_export.RUN.set(run_metadata.lineage(workspace.identity, run_id, known))
    journal = Journal(
        workspace.journal(run_id),
        name or run_metadata.run_name(config, datetime.now(UTC)),
        config.plain(),
        known,
        sweep=sweep.id if sweep else None,
    )
    turns = workspace.turns(sweep.id) if sweep else None
    try:
        with where.import_path():
            LocalRunner(run_id, workspace, [journal, *hooks], turns, where.arguments).run(built)
    except NodeFailedError as error:
        told = [str(error), *_misfits(error, workspace), f"log: {result.from_here(log)}"]
        raise PipelineError("\n".join(told)) from error


def _misfits(error: Exception, workspace: Workspace) -> list[str]:
    """Where the data do not fit the pinned schema: each anomaly, and how to accept them."""
    from huberflow.components.validation.pinned_schema import MisfitError

    if not isinstance(error.__cause__, MisfitError):
        return []
    where = shlex.quote(result.from_here(workspace.root))
    accept = f"huberflow schema accept --workspace {where}"
    return [*error.__cause__.anomalies, f"mend the data, or accept them as they are: {accept}"]


def _pipeline(config: Config, cache: bool, sweep: Sweep | None) -> Any:
    from huberflow.pipeline.dag.graph import create_pipeline

    if sweep is None:
        return create_pipeline(config, cache=cache)
    return create_pipeline(config, cache=cache, newest=sweep.newest_artifact, export=False)


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


def prepare_workers(held: Session, config: Config) -> None:
    """Says where rows will be processed; where that is elsewhere, tries whether all is there.

    Raises:
      PreflightError: a worker cannot import or build what the pipeline needs.
    """
    from huberflow.pipeline.beam import preflight
    from huberflow.pipeline.objects import chosen_objects

    # It says goodbye to each job server when Python ends, after the log has been closed.
    logging.getLogger("apache_beam.utils.subprocess_server").setLevel(logging.ERROR)
    where = beam_target.resolve_target(config, chosen_objects.installed(config))
    held.say("beam", where.words)
    if where.processes:
        with held.console.status("trying a worker"):
            seconds = preflight.check(where, config)
        held.say("preflight", f"ok, {seconds:.0f} s")
