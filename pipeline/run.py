"""One run of the pipeline, from config to result."""

from datetime import UTC, datetime
from typing import IO

from rich.console import Console

from pipeline import logs, result
from pipeline.config import Config
from pipeline.workspace import Workspace


class PipelineError(Exception):
    """A node failed; the message names it, the cause in one line, and the log."""


def execute(config: Config, *, cache: bool = True, verbose: bool = False) -> result.Result:
    """Runs the pipeline, shows it, and returns what came out.

    Args:
      config: validated.
      cache: reuse what did not change.
      verbose: show the libraries' logs too.

    Raises:
      WorkspaceError: the workspace is taken or cannot be written.
      PipelineError: a node failed; the log has the traceback.
      KeyboardInterrupt: Ctrl-C or SIGTERM; nothing is half published.
    """
    workspace = Workspace(config.workspace.expanduser().absolute())
    with workspace.locked():
        run_id = f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}"
        log = workspace.log(run_id)
        with logs.captured(log, verbose=verbose) as terminal:
            return _run(config, workspace, run_id, terminal, cache=cache, verbose=verbose)


def _run(
    config: Config,
    workspace: Workspace,
    run_id: str,
    terminal: IO[str],
    *,
    cache: bool,
    verbose: bool,
) -> result.Result:
    console = Console(file=terminal, force_terminal=False if verbose else None)
    with console.status("loading TensorFlow and TFX"):
        from pipeline.dag import create_pipeline
        from pipeline.display import Display
        from pipeline.records import Records
        from pipeline.runner import LocalRunner, NodeFailedError, termination_as_interrupt

    log = result.from_here(workspace.log(run_id))
    with termination_as_interrupt():
        records = Records(workspace)
        for execution in records.close_unfinished():
            console.print(f"closed {execution.node} of run {execution.run}, which was killed")
        display = Display(console, records, cache=cache)
        with display.shown():
            runner = LocalRunner(run_id, workspace, [display])
            try:
                runner.run(create_pipeline(config, cache=cache))
            except NodeFailedError as error:
                raise PipelineError(f"{error}\nlog: {log}") from error
        found = result.read(records.run(run_id))
    console.print()
    result.show(console, found, gate_metric=config.evaluation.gate[0].metric)
    line = f"{'log':14}{log}"
    console.print(line, soft_wrap=True, highlight=False, markup=False)
    return found
