"""TFX's local runner, with hooks around each node."""

import copy
import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import filelock
from google.protobuf.message import Message
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner, runner_utils
from tfx.orchestration.portable import (
    beam_executor_operator,
    data_types,
    launcher,
    partial_run_utils,
    python_executor_operator,
    runtime_parameter_utils,
)
from tfx.proto.orchestration import (
    executable_spec_pb2,
    execution_result_pb2,
    pipeline_pb2,
)

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.components.contracts.lineage import LINEAGE, RunLineage
from huberflow.pipeline.execution import cache_key
from huberflow.pipeline.execution.node_failure import NodeFailedError
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.metadata_store import FINISHED, Records
from huberflow.pipeline.history.run_history import RunStatus
from huberflow.pipeline.history.store_connection import open_store, patient
from huberflow.pipeline.system.interruption import interrupts_kept


class LocalRunner(local_dag_runner.LocalDagRunner):
    """Runs a pipeline node by node in this process.

    TFX's runner has no hooks; ``run_with_ir`` repeats its loop with them.

    Args:
      run_id: names the run in ML Metadata.
      hooks: called at every event, in order.
      node_locks: a folder that the trials of a sweep share: of nodes that would do the same work,
        the first one does it while the others wait, and find its result in the cache.
      beam_arguments: for the nodes that use Beam. They are not part of the cache's key, so that
        results are reused whichever runner made them.
      lineage: the run as the certificate of an exported model names it; not part of the key either.
      root: the folder of the workspace, which is not part of the key: cached results can be moved.
        None: the keys are TFX's own, so that other runners find the results.
    """

    def __init__(
        self,
        run_id: str,
        hooks: Sequence[Hooks],
        node_locks: Path | None = None,
        beam_arguments: Sequence[str] = (),
        lineage: RunLineage | None = None,
        root: Path | None = None,
    ) -> None:
        super().__init__()
        self._root = root
        self._run_id = run_id
        self._hooks = hooks
        self._beam_arguments = beam_arguments
        self._lineage = lineage
        self._node_locks = node_locks

    def run_with_ir(
        self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None
    ) -> None:
        """Runs all nodes in order; see ``LocalDagRunner``.

        Raises:
          NodeFailedError: a node raised, or its inputs could not be resolved.
          KeyboardInterrupt: the run was interrupted; the open execution is closed as failed.
          ValueError: a partial run names no node.
        """
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: self._run_id}
        )
        if run_options:
            _mark_partial_run(pipeline, run_options.partial_run)
        nodes = [node.pipeline_node for node in pipeline.nodes]
        chosen = [node for node in nodes if not node.execution_options.HasField("skip")]
        status: RunStatus = "interrupted"
        try:
            self._call("run_started", self._run_id, [node.node_info.id for node in chosen])
            with self._epochs_reported():
                fingerprints = dict(_fingerprints(nodes))
                for node in chosen:
                    with self._locked(fingerprints[node.node_info.id]):
                        self._run_node(pipeline, node)
            status = "done"
        except Exception:
            status = "failed"
            raise
        finally:
            self._call("run_finished", status)

    def _run_node(self, pipeline: pipeline_pb2.Pipeline, node: pipeline_pb2.PipelineNode) -> None:
        name, start = node.node_info.id, time.perf_counter()
        records = records_of(pipeline)
        self._call("node_started", name)
        try:
            if node.execution_options.run.perform_snapshot:
                with _PatientMetadata(connection_of(pipeline)) as store:
                    partial_run_utils.snapshot(store, pipeline)
            node_launcher = _launcher(pipeline, node, self._beam_arguments, self._lineage)
            with cache_key.independent_of(self._root), interrupts_kept():
                launched = node_launcher.launch()
            if launched is None or launched.execution_id is None:
                self._call("node_skipped", name)
                return
            execution = records.run(self._run_id)[name]
            if execution.state not in FINISHED:
                raise RuntimeError("its inputs could not be resolved; see the log")  # TFX only logs
        except BaseException as error:
            records.close_unfinished(self._run_id)
            seconds, recorded = time.perf_counter() - start, records.run(self._run_id).get(name)
            self._call("node_failed", name, seconds, error, recorded)
            if isinstance(error, Exception):
                logging.getLogger(__name__).exception("%s failed", name)
                raise NodeFailedError(name, error) from error
            raise
        self._call("node_finished", execution, time.perf_counter() - start)

    def _locked(self, fingerprint: str) -> AbstractContextManager[object]:
        return (
            filelock.FileLock(self._node_locks / fingerprint) if self._node_locks else nullcontext()
        )

    @contextmanager
    def _epochs_reported(self) -> Iterator[None]:
        training = logging.getLogger("huberflow.training")
        handler = _EpochHandler(lambda progress: self._call("epoch_finished", progress))
        training.addHandler(handler)
        try:
            yield
        finally:
            training.removeHandler(handler)

    def _call(self, event: str, *details: object) -> None:
        for hooks in self._hooks:
            getattr(hooks, event)(*details)


class _EpochHandler(logging.Handler):
    def __init__(self, on_epoch: Callable[[EpochProgress], None]) -> None:
        super().__init__(logging.INFO)
        self._on_epoch = on_epoch

    def emit(self, record: logging.LogRecord) -> None:
        if hasattr(record, "progress"):
            self._on_epoch(record.progress)


def connection_of(pipeline: pipeline_pb2.Pipeline) -> metadata_store_pb2.ConnectionConfig:
    """The connection to the pipeline's metadata store."""
    config = runner_utils.extract_local_deployment_config(pipeline).metadata_connection_config
    return patient(getattr(config, config.WhichOneof("connection_config")))


class _PatientMetadata(metadata.Metadata):
    """TFX's handle of a store; waits while another program has locked it."""

    def __enter__(self) -> "_PatientMetadata":
        self._store = open_store(self._connection_config)
        self._users += 1
        return self


def records_of(pipeline: pipeline_pb2.Pipeline) -> Records:
    """The records of the pipeline's metadata store."""
    root = pipeline.runtime_spec.pipeline_root.field_value.string_value
    return Records(connection_of(pipeline), Path(root))


def _mark_partial_run(pipeline: pipeline_pb2.Pipeline, partial: pipeline_pb2.PartialRun) -> None:
    partial_run_utils.mark_pipeline(
        pipeline,
        from_nodes=partial.from_nodes or None,
        to_nodes=partial.to_nodes or None,
        snapshot_settings=partial.snapshot_settings,
    )


def _fingerprints(nodes: Sequence[pipeline_pb2.PipelineNode]) -> Iterator[tuple[str, str]]:
    """Each node, in order, with a hash: the same for the same parameters and inputs."""
    hashes: dict[str, str] = {}
    for node in nodes:
        name = node.node_info.id
        parameters = node.parameters.SerializeToString(deterministic=True)
        inputs = sorted(hashes[upstream] for upstream in node.upstream_nodes)
        content = b"\0".join([name.encode(), parameters, *map(str.encode, inputs)])
        hashes[name] = hashlib.sha256(content).hexdigest()
        yield name, hashes[name]


def _launcher(
    pipeline: pipeline_pb2.Pipeline,
    node: pipeline_pb2.PipelineNode,
    beam_arguments: Sequence[str],
    lineage: RunLineage | None,
) -> launcher.Launcher:
    deployment = runner_utils.extract_local_deployment_config(pipeline)
    return launcher.Launcher(
        pipeline_node=node,
        mlmd_connection=_PatientMetadata(connection_of(pipeline)),
        pipeline_info=pipeline.pipeline_info,
        pipeline_runtime_spec=pipeline.runtime_spec,
        executor_spec=runner_utils.extract_executor_spec(deployment, node.node_info.id),
        custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node.node_info.id),
        custom_executor_operators={
            executable_spec_pb2.BeamExecutableSpec: functools.partial(
                _beam_operator, beam_arguments
            ),
            executable_spec_pb2.PythonClassExecutableSpec: functools.partial(
                _PythonOperator, lineage
            ),
        },
    )


def _beam_operator(
    beam_arguments: Sequence[str],
    executor_spec: executable_spec_pb2.BeamExecutableSpec,
    platform_config: Message | None = None,
) -> beam_executor_operator.BeamExecutorOperator:
    """TFX's operator with Beam's arguments injected: in the pipeline they would be in the key."""
    spec = executable_spec_pb2.BeamExecutableSpec()
    spec.CopyFrom(executor_spec)
    for argument in beam_arguments:
        spec.beam_pipeline_args_placeholders.add().value.string_value = argument
    return beam_executor_operator.BeamExecutorOperator(spec, platform_config)


class _PythonOperator(python_executor_operator.PythonExecutorOperator):
    """TFX's operator with the run's lineage injected; ML Metadata keeps nothing of it."""

    def __init__(
        self,
        lineage: RunLineage | None,
        executor_spec: executable_spec_pb2.PythonClassExecutableSpec,
        platform_config: Message | None = None,
    ) -> None:
        super().__init__(executor_spec, platform_config)
        self._properties = {LINEAGE: lineage.to_text()} if lineage else {}

    def run_executor(
        self, execution_info: data_types.ExecutionInfo
    ) -> execution_result_pb2.ExecutorOutput:
        """Runs the executor, with one execution property more."""
        info = copy.copy(execution_info)
        info.exec_properties = {**execution_info.exec_properties, **self._properties}
        output = super().run_executor(info)
        for name in self._properties:
            output.execution_properties.pop(name, None)
        return output
