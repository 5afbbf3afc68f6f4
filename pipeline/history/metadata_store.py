"""Reads the executions of runs from ML Metadata."""

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import ml_metadata
from google.protobuf import json_format, struct_pb2
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as pb

from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.history.moved_workspace import former_root, moved
from huberflow.pipeline.history.store_connection import (
    open_store,
    sqlite_connection,
    store_error,
)
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.disk_failure import disk_failure

NodeState = Literal["ran", "cached", "resolved", "failed", "running"]
"""How a node went: ``cached`` reused its earlier result, ``resolved`` only looks something up."""

FINISHED: frozenset[NodeState] = frozenset({"ran", "cached", "resolved"})

TRACKING_ID = "mlflow_run_id"
"""Custom property of a run in ML Metadata."""

_WORK = "__stateful_working_dir_index__"
"""Custom property of an execution: TFX's name of its folder for work in progress."""

_STATES: Mapping[int, NodeState] = {
    pb.Execution.COMPLETE: "ran",
    pb.Execution.CACHED: "cached",
    pb.Execution.NEW: "running",
    pb.Execution.RUNNING: "running",
}


@dataclass(frozen=True)
class Artifact:
    """One output of a node."""

    id: int
    uri: Path
    properties: Mapping[str, JSON]

    def found_in(self, root: Path) -> "Artifact":
        """The artifact with its paths as they are now that its workspace lies in ``root``."""
        former = former_root(self.uri, root)
        if former is None:
            return self
        properties = {
            name: moved(value, former, root) if isinstance(value, str) else value
            for name, value in self.properties.items()
        }
        return Artifact(self.id, root / self.uri.relative_to(former), properties)


@dataclass(frozen=True)
class Execution:
    """One node in one run."""

    id: int
    node: str
    run: str
    state: NodeState
    properties: Mapping[str, JSON]
    inputs: Mapping[str, tuple[Artifact, ...]]
    outputs: Mapping[str, tuple[Artifact, ...]]

    @property
    def custom_config(self) -> Mapping[str, JSON]:
        """The config that the pipeline gave the component; empty for TFX's own components."""
        config = self.properties.get("custom_config")
        return config if isinstance(config, Mapping) else {}

    def written(self, key: str) -> Artifact | None:
        """The only artifact under a key that the node wrote; a resolver only looks things up."""
        outputs = self.outputs.get(key, ()) if self.state in ("ran", "cached") else ()
        return outputs[0] if len(outputs) == 1 else None

    def output(self, key: str) -> Artifact:
        """The only artifact under an output key."""
        (artifact,) = self.outputs[key]
        return artifact


class Records:
    """The records of one metadata store.

    Args:
      connection: of the store.
      artifacts: the folder in which nodes write their outputs.
    """

    def __init__(self, connection: pb.ConnectionConfig, artifacts: Path) -> None:
        self._connection = connection
        self._artifacts_folder = artifacts

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """The records of a workspace."""
        return cls(sqlite_connection(workspace.metadata), workspace.artifacts)

    @cached_property
    def _store(self) -> ml_metadata.MetadataStore:
        try:
            return open_store(self._connection)
        except (RuntimeError, errors.StatusError) as error:
            if disk_failure(error):
                raise  # the file is as good as before
            path = self._connection.sqlite.filename_uri or "the metadata store"
            raise InputError(
                path,
                expected="the database of ML Metadata",
                received=f"a file that it cannot read ({store_error(error)})",
                hint="choose another one, or move the file away and lose all cached results",
                write=shlex.join(["mv", path, f"{path}.damaged"]),
            ) from error

    def run(self, run_id: str) -> dict[str, Execution]:
        """The executions of a run by node, in the order in which they started."""
        context = self._run_context(run_id)
        executions = self._store.get_executions_by_context(context.id) if context else []
        read = [self._read(execution) for execution in sorted(executions, key=_by_id)]
        return {execution.node: execution for execution in read}

    def pipelines(self) -> list[pb.Context]:
        """The pipelines in the store, in the order of their first runs."""
        return sorted(self._store.get_contexts_by_type("pipeline"), key=_by_id)

    def executions(self, pipeline: pb.Context) -> list[tuple[pb.Execution, Execution]]:
        """All executions of a pipeline, as ML Metadata has them and read, in order."""
        found = sorted(self._store.get_executions_by_context(pipeline.id), key=_by_id)
        return [(execution, self._read(execution)) for execution in found]

    def before(self, execution: Execution) -> list[Execution]:
        """Earlier executions of the same node, the latest first."""
        (this,) = self._store.get_executions_by_id([execution.id])
        node = self._contexts(this)["node"]
        earlier = [e for e in self._store.get_executions_by_context(node.id) if e.id < execution.id]
        return [self._read(e) for e in sorted(earlier, key=_by_id, reverse=True)]

    def producer(self, artifact: Artifact) -> Execution | None:
        """The execution that wrote an artifact; None where no run of the store did."""
        events = self._store.get_events_by_artifact_ids([artifact.id])
        wrote = min((e.execution_id for e in events if e.type == pb.Event.OUTPUT), default=None)
        return None if wrote is None else self._read(self._store.get_executions_by_id([wrote])[0])

    def newest_artifact(self) -> int:
        """The id of the newest artifact; 0 where there is none."""
        return max((artifact.id for artifact in self._store.get_artifacts()), default=0)

    def write_tracking_id(self, run_id: str, tracking_id: str) -> None:
        """Writes the tracking server's id of a run into its context, which TFX's cache ignores.

        Nothing happens for a run without metadata, such as one that failed at once.
        """
        context = self._run_context(run_id)
        if context is not None:
            context.custom_properties[TRACKING_ID].string_value = tracking_id
            self._store.put_contexts([context])

    def tracking_id(self, run_id: str) -> str | None:
        """The id that ``write_tracking_id`` wrote."""
        context = self._run_context(run_id)
        properties = context.custom_properties if context else {}
        return str(properties[TRACKING_ID].string_value) if TRACKING_ID in properties else None

    def close_unfinished(self, run_id: str | None = None) -> list[Execution]:
        """Marks executions that never ended as failed, and removes their incomplete artifacts.

        Without a run, folders that TFX left of executions that failed are removed, too.

        Args:
          run_id: the run; None for all runs, while this process has locked the workspace and none
            is active.
        """
        if not self._exists:
            return []
        closed = []
        context = None if run_id is None else self._run_context(run_id)
        if run_id is None:
            executions = self._store.get_executions()
        else:
            executions = self._store.get_executions_by_context(context.id) if context else []
        for execution in sorted(executions, key=_by_id):
            if execution.last_known_state in (pb.Execution.NEW, pb.Execution.RUNNING):
                closed.append(self._read(execution))
                for leftover in self._written_by(execution):
                    shutil.rmtree(leftover)
                execution.last_known_state = pb.Execution.FAILED
                self._store.put_executions([execution])
        if run_id is None:
            for work in self._artifacts_folder.glob("*/.system/stateful_working_dir/*"):
                shutil.rmtree(work)
        return closed

    def follow_move(self) -> None:
        """Corrects the paths of artifacts, in one transaction, where the workspace was moved.

        A copy with its artifacts gets paths of its own. Only for records of a workspace that this
        process has locked.
        """
        if not self._exists:
            return
        root = self._artifacts_folder.parent
        corrected = []
        for artifact in self._store.get_artifacts():
            former = former_root(Path(artifact.uri), root)
            if former is None:
                continue
            artifact.uri = moved(artifact.uri, former, root)
            for value in (*artifact.properties.values(), *artifact.custom_properties.values()):
                if value.HasField("string_value"):
                    value.string_value = moved(value.string_value, former, root)
            corrected.append(artifact)
        if corrected:
            self._store.put_artifacts(corrected)

    def _written_by(self, execution: pb.Execution) -> list[Path]:
        """The folders of an execution: of its outputs, and those of TFX for work in progress."""
        folders = self._artifacts_folder
        properties = execution.custom_properties
        index = properties[_WORK].string_value if _WORK in properties else ""
        return [
            *folders.glob(f"*/*/{execution.id}"),
            *folders.glob(f"*/.system/executor_execution/{execution.id}"),
            *(folders.glob(f"*/.system/stateful_working_dir/{index}") if index else ()),
        ]

    def _run_context(self, run_id: str) -> pb.Context | None:
        """The context of a run, where there is one."""
        if not self._exists:
            return None
        return self._store.get_context_by_type_and_name("pipeline_run", run_id)

    @property
    def _exists(self) -> bool:
        """Whether the store exists; reading must not create it."""
        file = self._connection.sqlite.filename_uri
        return not file or Path(file).exists()

    def _contexts(self, execution: pb.Execution) -> dict[str, pb.Context]:
        """The contexts of an execution by type; of a pipeline in another one, the outer one's."""
        found = sorted(self._store.get_contexts_by_execution(execution.id), key=_by_id)
        return {context.type: context for context in reversed(found)}

    def _read(self, execution: pb.Execution) -> Execution:
        events = self._store.get_events_by_execution_ids([execution.id])
        contexts = self._contexts(execution)
        return Execution(
            id=execution.id,
            node=contexts["node"].name.removeprefix(f"{contexts['pipeline'].name}."),
            run=contexts["pipeline_run"].name,
            state=_state(execution),
            properties=properties_of(execution),
            inputs=self._artifacts(events, pb.Event.INPUT),
            # A resolver's outputs are internal.
            outputs=self._artifacts(events, pb.Event.OUTPUT, pb.Event.INTERNAL_OUTPUT),
        )

    def _artifacts(self, events: list[pb.Event], *types: int) -> dict[str, tuple[Artifact, ...]]:
        keys = {e.artifact_id: e.path.steps[0].key for e in events if e.type in types}
        artifacts: dict[str, tuple[Artifact, ...]] = {}
        for artifact in self._store.get_artifacts_by_id(list(keys)):
            read = Artifact(artifact.id, Path(artifact.uri), properties_of(artifact))
            artifacts[keys[artifact.id]] = (*artifacts.get(keys[artifact.id], ()), read)
        return artifacts


def _by_id(record: pb.Execution | pb.Context) -> int:
    return int(record.id)


def _state(execution: pb.Execution) -> NodeState:
    state = _STATES.get(execution.last_known_state, "failed")
    return "resolved" if state == "ran" and execution.type.endswith(".Resolver") else state


def properties_of(message: pb.Execution | pb.Artifact) -> dict[str, JSON]:
    """The properties of an execution or artifact; JSON objects are parsed."""
    properties = {}
    for name, value in [*message.properties.items(), *message.custom_properties.items()]:
        if not name.startswith("__"):
            properties[name] = parse_property(getattr(value, value.WhichOneof("value")))
    return properties


def parse_property(value: JSON | struct_pb2.Struct) -> JSON:
    """The value of a property; text that is a JSON object is parsed."""
    if isinstance(value, struct_pb2.Struct):
        parsed = json_format.MessageToDict(value)
        return parsed.get("__value__", parsed)  # TFX's wrapping of a JSON value
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
