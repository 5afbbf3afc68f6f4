"""Runs the pipeline in a workspace, from a resolved run to its result."""

import gc
import logging
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from huberflow.components.bundle import clean_process
from huberflow.components.contracts import node_ids
from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.pipeline.execution.display import RunDisplay
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.execution.session import Session, open_session
from huberflow.pipeline.execution.trial import Sweep
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.journal import Journal
from huberflow.pipeline.history.metadata_store import Execution, Records
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report.result import Result, print_result, read_result
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system.display_path import display_path


def execute(
    run: ResolvedRun, *, cache: bool = True, verbose: bool = False, inputs: str = ""
) -> Result:
    """Runs the pipeline, shows its progress and its result; the libraries' logs too if verbose.

    With the digest of its ``inputs``, see ``run_inputs``, the same run is known as one.

    Raises:
      InputError: the workspace is locked or cannot be written.
      PreflightError: see ``prepare_workers``.
      NodeFailedError: it has the cause; the log has the traceback.
      KeyboardInterrupt: Ctrl-C or SIGTERM; nothing is half published.
    """
    with open_session(run, verbose=verbose) as session:
        with session.console.status("loading TensorFlow and TFX"):
            load_libraries()
        prepare_workers(session, run)
        session.runs.append(session.id)
        records = Records.of(session.workspace)
        display = RunDisplay(session.console, records, cache=cache)
        with display.shown():
            hooks = [display, Prewarm()]
            run_once(run, session.id, cache=cache, hooks=hooks, inputs=inputs)
        result = read_result(records.run(session.id))
        session.console.print()
        evaluation = EvaluationConfig.from_json(run.config.evaluation.plain())
        print_result(session.console, result, evaluation)
        session.print_line("log", display_path(session.workspace.log(session.id)))
    return result


class Prewarm(Hooks):
    """While the Evaluator runs, the process that checks ServingExport's bundle loads TensorFlow."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Remembers whether the run exports."""
        self._exports = node_ids.SERVING_EXPORT in nodes

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """Starts the process after a training; a cached model has mostly been exported already."""
        if self._exports and execution.node == node_ids.TRAINER and execution.state == "ran":
            clean_process.prepare()


def run_once(
    run: ResolvedRun,
    run_id: str,
    *,
    cache: bool,
    hooks: Sequence[Hooks] = (),
    name: str | None = None,
    sweep: Sweep | None = None,
    inputs: str = "",
) -> None:
    """Runs the pipeline once, and writes its journal.

    Args:
      run: resolved; its workspace is locked by this process, or by the one that started it.
      run_id: new.
      cache: whether results of nodes that did not change are reused.
      hooks: called at every event, after the journal.
      name: the run's title; None for one made from the config.
      sweep: the sweep that the run is a trial of; other trials may run at the same time.
      inputs: their digest, see ``run_inputs``; empty where it is not known.

    Raises:
      NodeFailedError: it has the cause; the log has the traceback.
    """
    from huberflow.pipeline.dag.graph import create_pipeline
    from huberflow.pipeline.execution.runner import LocalRunner

    config, workspace, log = run.config, run.workspace, run.workspace.log(run_id)
    newest = sweep.newest_artifact if sweep else None
    pipeline = create_pipeline(run, cache=cache, newest=newest, export=sweep is None)
    metadata = run_metadata.gather(run.changes, log, inputs)
    if sweep:
        metadata = replace(
            metadata,
            sweep_name=sweep.name,
            sweep_started=sweep.started.timestamp(),
            sweep_trial=sweep.trial,
        )
    lineage = run_metadata.lineage(workspace.identity, run_id, metadata.git)
    journal = Journal(
        workspace.journal(run_id),
        name or run_metadata.run_name(config, run.changes, datetime.now(UTC)),
        config.experiment,
        config.plain(),
        metadata,
        sweep=sweep.id if sweep else None,
    )
    runner = LocalRunner(
        run_id,
        [journal, *hooks],
        workspace.trial_locks(sweep.id) if sweep else None,
        run.beam.arguments,
        lineage,
        workspace.root,
    )
    try:
        with run.beam.worker_imports():
            runner.run(pipeline)
    except NodeFailedError as error:
        error.details += [*_misfits(error.cause, workspace), f"log: {display_path(log)}"]
        raise


def _misfits(cause: BaseException, workspace: Workspace) -> list[str]:
    """Where the data do not fit the pinned schema: each anomaly, and how to accept it."""
    from huberflow.components.validation.pinned_schema import MisfitError

    if not isinstance(cause, MisfitError):
        return []
    folder = shlex.quote(display_path(workspace.root))
    accept = f"huberflow schema accept --workspace {folder}"
    lines = [anomaly.line for anomaly in cause.anomalies]
    return [*lines, f"fix the data, or accept them as they are: {accept}"]


def load_libraries() -> None:
    """Imports TensorFlow, TFX and what else a pipeline needs; takes up to a minute."""
    # The imports make a million objects that stay; collecting garbage takes a third of the time.
    gc.disable()
    import huberflow.pipeline.dag.graph  # noqa: F401

    gc.freeze()
    gc.enable()


def prepare_workers(session: Session, run: ResolvedRun) -> None:
    """Prints where rows will be processed; checks workers outside this process.

    Raises:
      PreflightError: a worker cannot import or build what the pipeline needs.
    """
    from huberflow.pipeline.beam import preflight

    # It logs the end of each job server when Python ends, after the log has been closed.
    logging.getLogger("apache_beam.utils.subprocess_server").setLevel(logging.ERROR)
    session.print_line("beam", run.beam.description)
    if run.beam.has_workers:
        with session.console.status("checking the Beam workers"):
            seconds = preflight.check_workers(run.beam, run.config, run.objects)
        session.print_line("preflight", f"ok, {seconds:.0f} s")
