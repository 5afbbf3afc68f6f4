"""TFX's local runner, with hooks around each node."""

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import filelock
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner, runner_utils
from tfx.orchestration.portable import (
    beam_executor_operator,
    launcher,
    runtime_parameter_utils,
)
from tfx.proto.orchestration import executable_spec_pb2

from huberflow.pipeline.history.metadata_store import FINISHED, Execution, Records
from huberflow.pipeline.history.run_history import Status
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.interruption import first_line


class Hooks(Protocol):
    """What a run tells its listeners; each call returns at once."""

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """The nodes that will run, in order."""

    def node_started(self, node: str) -> None:
        """A node begins; it may turn out to be cached."""

    def epoch_finished(self, progress: Mapping[str, Any]) -> None:
        """The running node has trained for one more epoch; see ``training.fitting.PROGRESS``."""

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """A node has run, or its earlier result was reused."""

    def node_failed(self, node: str, seconds: float, error: BaseException) -> None:
        """A node raised, or was interrupted; the run ends here."""

    def run_finished(self, status: Status) -> None:
        """The run has ended, well or not."""


class NodeFailedError(Exception):
    """A node failed; the cause is chained."""

    def __init__(self, node: str, cause: BaseException) -> None:
        super().__init__(f"{node} failed: {first_line(cause)}")
        self.node = node


class LocalRunner(local_dag_runner.LocalDagRunner):
    """Runs a pipeline node by node in this process.

    TFX's runner has no hooks; the loop here is its loop with them.

    Args:
      run_id: names the run in ML Metadata.
      workspace: where it runs.
      hooks: told of every step, in order.
      turns: a folder that runs share which go on at the same time: nodes that would do the same
        take turns, so that the first does it, and the others find it done.
      beam: arguments of Beam, for the nodes that use it; where they run is not part of what they
        do, so that what one runner made is found in the cache under another.
    """

    def __init__(
        self,
        run_id: str,
        workspace: Workspace,
        hooks: Sequence[Hooks],
        turns: Path | None = None,
        beam: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self._run_id = run_id
        self._records = Records(workspace)
        self._hooks = hooks
        self._beam = beam
        self._turns = turns

    def run_with_ir(self, pipeline: Any, run_options: Any = None) -> None:
        """Runs all nodes in order; see ``LocalDagRunner``.

        Raises:
          NodeFailedError: a node raised.
          KeyboardInterrupt: the run was interrupted; what it had open is closed as failed.
        """
        del run_options
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        nodes = [node.pipeline_node for node in pipeline.nodes]
        self._tell("run_started", self._run_id, [node.node_info.id for node in nodes])
        status: Status = "interrupted"
        try:
            with self._listening_to_training():
                for node, work in zip(nodes, _fingerprints(nodes), strict=True):
                    with self._turn(work):
                        self._run_node(pipeline, node)
            status = "done"
        except NodeFailedError:
            status = "failed"
            raise
        finally:
            self._tell("run_finished", status)

    def _run_node(self, pipeline: Any, node: Any) -> None:
        name, start = node.node_info.id, time.perf_counter()
        self._tell("node_started", name)
        try:
            _launcher(pipeline, node, self._beam).launch()
            execution = self._records.run(self._run_id).get(name)
            if execution is None or execution.state not in FINISHED:
                raise RuntimeError("its inputs could not be resolved; see the log")  # TFX only logs
        except BaseException as error:
            self._records.close_unfinished(self._run_id)
            self._tell("node_failed", name, time.perf_counter() - start, error)
            if isinstance(error, Exception):
                logging.getLogger(__name__).exception("%s failed", name)
                raise NodeFailedError(name, error) from error
            raise
        self._tell("node_finished", execution, time.perf_counter() - start)

    def _turn(self, work: str) -> AbstractContextManager[Any]:
        return filelock.FileLock(self._turns / work) if self._turns else nullcontext()

    @contextmanager
    def _listening_to_training(self) -> Iterator[None]:
        training = logging.getLogger("huberflow.training")
        listener = _TrainingListener(lambda progress: self._tell("epoch_finished", progress))
        training.addHandler(listener)
        try:
            yield
        finally:
            training.removeHandler(listener)

    def _tell(self, event: str, *details: Any) -> None:
        for hooks in self._hooks:
            getattr(hooks, event)(*details)


class _TrainingListener(logging.Handler):
    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "progress"):
            self._tell(record.progress)


def _fingerprints(nodes: Sequence[Any]) -> Iterator[str]:
    """For each node, in order, of what it does: the same for the same parameters and inputs."""
    known: dict[str, str] = {}
    for node in nodes:
        name, inputs = node.node_info.id, [known[upstream] for upstream in node.upstream_nodes]
        told = node.parameters.SerializeToString(deterministic=True)
        parts = [name.encode(), told, *map(str.encode, sorted(inputs))]
        known[name] = hashlib.sha256(b"\0".join(parts)).hexdigest()
        yield known[name]


def _launcher(pipeline: Any, node: Any, beam: Sequence[str]) -> launcher.Launcher:
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    connection = deployment.metadata_connection_config
    return launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=metadata.Metadata(
            getattr(connection, connection.WhichOneof("connection_config"))
        ),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node.node_info.id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node.node_info.id),
        custom_executor_operators={
            executable_spec_pb2.BeamExecutableSpec: functools.partial(_beam_operator, beam)
        },
    )


def _beam_operator(
    beam: Sequence[str], executor_spec: Any, platform_config: Any = None
) -> beam_executor_operator.BeamExecutorOperator:
    """TFX's, told the arguments here: in the pipeline they would be part of the cache's key."""
    told = executable_spec_pb2.BeamExecutableSpec()
    told.CopyFrom(executor_spec)
    for argument in beam:
        told.beam_pipeline_args_placeholders.add().value.string_value = argument
    return beam_executor_operator.BeamExecutorOperator(told, platform_config)
