"""A runner for any TFX pipeline: progress on the screen, and every run in MLflow."""

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from rich.console import Console
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2

from huberflow.pipeline.execution.display import RunDisplay
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.execution.runner import LocalRunner, connection_of, records_of
from huberflow.pipeline.execution.session import delivered_meanwhile, print_line
from huberflow.pipeline.history import pipeline_runs, run_history, run_metadata
from huberflow.pipeline.history.journal import Journal
from huberflow.pipeline.history.lock_watch import told
from huberflow.pipeline.history.run_history import RunMetadata
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.report.result import NOTHING_PUSHED, print_verdict
from huberflow.pipeline.system import logs
from huberflow.pipeline.system.display_path import display_path
from huberflow.pipeline.system.interruption import termination_as_interrupt
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking import links
from huberflow.pipeline.tracking.store import default_uri


class MlflowDagRunner(LocalDagRunner):
    """Runs any TFX pipeline as ``LocalDagRunner`` does, and records it in MLflow meanwhile.

    It shows each node with its state, its seconds, and why it ran again. What libraries print goes
    to a log, which is kept where the run fails. MLflow gets the parameters of every node, cached or
    not, their states and times, and the Evaluator's metrics. A run never waits for MLflow, and does
    not fail because of it. SIGTERM and SIGHUP interrupt it as Ctrl-C does, unless the script
    handles them itself.

    Example::

        >>> from huberflow import MlflowDagRunner
        >>> runner = MlflowDagRunner(experiment="fares")
        >>> runner.run(create_pipeline())  # doctest: +SKIP

    Args:
      tracking_uri: MLflow's server or database. None: as in MLflow, the variable
        ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in this folder.
      experiment: MLflow's experiment; None: one of the pipeline's name.
      verbose: show what libraries print, too.
      patience: seconds to wait for MLflow when the run has ended.

    Raises:
      Exception: from ``run``: what the node that failed has raised, as from ``LocalDagRunner``.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        experiment: str | None = None,
        *,
        verbose: bool = False,
        patience: float = 60.0,
    ) -> None:
        super().__init__()
        self._uri = tracking_uri
        self._experiment = experiment
        self._verbose = verbose
        self._patience = patience

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None
    ) -> None:
        """Runs all nodes in order; see ``LocalDagRunner``."""
        run = _Run(pipeline, self._uri, self._experiment, self._patience)
        failure = None
        try:
            with run.tracked(verbose=self._verbose) as runner:
                runner.run_with_ir(pipeline, run_options)
        except NodeFailedError as error:
            failure = error.cause
        if failure is not None:
            raise failure


class _Run:
    """One run, with its journal in a folder of its own, which is removed where nobody needs it."""

    def __init__(
        self,
        pipeline: pipeline_pb2.Pipeline,
        uri: str | None,
        experiment: str | None,
        patience: float,
    ) -> None:
        self._pipeline = pipeline
        self._given_uri = uri
        self._experiment = experiment or self._name
        self._patience = patience
        self._started = datetime.now(UTC)
        self._id = self._started.astimezone().replace(tzinfo=None).isoformat()  # as TFX names it
        pipeline_id = _registered_id(pipeline)
        self._workspace = Workspace(Path(tempfile.mkdtemp(prefix="huberflow-")))
        self._workspace.identify(pipeline_id)
        self._kept = False

    @contextmanager
    def tracked(self, *, verbose: bool) -> Iterator[LocalRunner]:
        """Yields a runner for this run, and shows and delivers what it does in the block."""
        log = self._workspace.log(self._id)
        with termination_as_interrupt(), logs.captured(log, verbose=verbose) as terminal:
            console = _console(terminal, verbose=verbose)
            metadata = replace(
                run_metadata.gather({}, log),
                command=shlex.join(["python", *sys.argv]),
                workspace=None,
            )
            display = RunDisplay(console, records_of(self._pipeline), cache=self._caches)
            hooks = [self._journal(metadata), display]
            lineage = run_metadata.lineage(self._workspace.identity, self._id, metadata.git)
            with (
                self._lock_told(console),
                delivered_meanwhile(
                    self._workspace,
                    self._given_uri or default_uri(),
                    None,
                    console,
                    self._patience,
                    at_end=partial(self._print_end, console),
                ),
                self._log_kept_on_failure(console),
                display.shown(),
            ):
                yield LocalRunner(self._id, hooks, lineage=lineage)
        if not self._kept:
            shutil.rmtree(self._workspace.root)

    @property
    def _name(self) -> str:
        return str(self._pipeline.pipeline_info.id)

    @property
    def _caches(self) -> bool:
        nodes = [node.pipeline_node for node in self._pipeline.nodes]
        return any(node.execution_options.caching_options.enable_cache for node in nodes)

    def _journal(self, metadata: RunMetadata) -> Journal:
        name = f"{self._name} {self._started:%m-%d %H:%M:%S}"
        path = self._workspace.journal(self._id)
        return Journal(path, name, self._experiment, {}, metadata)

    def _lock_told(self, console: Console) -> AbstractContextManager[None]:
        store = Path(connection_of(self._pipeline).sqlite.filename_uri)
        tell = partial(console.print, soft_wrap=True, highlight=False, markup=False)
        return told(store, tell) if store.is_file() else nullcontext()

    @contextmanager
    def _log_kept_on_failure(self, console: Console) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._kept = True
            print_line(console, "log", display_path(self._workspace.log(self._id)))
            raise

    def _print_end(self, console: Console, delivered: bool) -> None:
        """Prints the result, and where the run is to be seen or how to deliver it later."""
        self._print_result(console)
        store = connection_of(self._pipeline).sqlite.filename_uri
        given = self._given_uri
        if delivered:
            page = links.run_page(self._workspace, self._id)
            address = masked_text(given or default_uri())
            where = page or shlex.join(["huberflow", "ui", "--tracking-uri", address])
        else:
            self._kept = self._kept or not store
            runs = ["--workspace", str(self._workspace.root)]
            if store:
                runs = ["--metadata", display_path(Path(store)), "--pipeline", self._name]
            uri = ["--tracking-uri", masked_text(given)] if given else []
            command = shlex.join(["huberflow", "track", *runs, *uri])
            where = f"not delivered yet; later: {command}"
        print_line(console, "mlflow", where)

    def _print_result(self, console: Console) -> None:
        """Prints whether the model was blessed, and where it was pushed, if nodes decided that."""
        run = run_history.read_run(self._workspace.journal(self._id))
        evaluator, pushed = run.writer("evaluation"), run.artifact("pushed_model")
        blessing = evaluator.artifact("blessing") if evaluator else None
        report = run.report()
        if report is not None and blessing is not None and "blessed" in blessing.properties:
            print_verdict(console, report)
        if pushed is not None:
            is_pushed = pushed.properties.get("pushed")
            where = str(pushed.properties["pushed_destination"]) if is_pushed else NOTHING_PUSHED
            print_line(console, "pushed", where)


def _registered_id(pipeline: pipeline_pb2.Pipeline) -> str:
    """The id of the pipeline in its metadata store, which gets to know it here if it is new."""
    kind, name = constants.PIPELINE_CONTEXT_TYPE_NAME, pipeline.pipeline_info.id
    with metadata.Metadata(connection_of(pipeline)) as handle:
        context_lib.register_context_if_not_exists(handle, kind, name)
        return pipeline_runs.pipeline_id(handle.store.get_context_by_type_and_name(kind, name))


def _console(terminal: IO[str], *, verbose: bool) -> Console:
    """The terminal; where something has replaced stdout, as notebooks do, that."""
    if sys.stdout is not sys.__stdout__:
        return Console(file=sys.stdout)
    return Console(file=terminal, force_terminal=False if verbose else None)
