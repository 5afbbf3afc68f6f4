"""Reads back from ML Metadata what a run did: the source of truth for all that is reported."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import ml_metadata
from google.protobuf import json_format, struct_pb2
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as pb

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.workspace import Workspace

State = Literal["ran", "cached", "resolved", "failed", "running"]
"""How a node went: ``cached`` reused its earlier result, ``resolved`` only looks something up."""

FINISHED: frozenset[State] = frozenset({"ran", "cached", "resolved"})

TRACKING_ID = "mlflow_run_id"
"""Custom property of a run in ML Metadata."""

_STATES: Mapping[int, State] = {
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
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Execution:
    """One node in one run."""

    id: int
    node: str
    run: str
    state: State
    properties: Mapping[str, Any]
    inputs: Mapping[str, tuple[Artifact, ...]]
    outputs: Mapping[str, tuple[Artifact, ...]]

    def output(self, key: str) -> Artifact:
        """The only artifact under an output key."""
        (artifact,) = self.outputs[key]
        return artifact


class Records:
    """What ML Metadata knows of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @cached_property
    def _store(self) -> Any:
        config = pb.ConnectionConfig()
        path = self._workspace.metadata
        config.sqlite.filename_uri = str(path)
        try:
            return ml_metadata.MetadataStore(config)
        except (RuntimeError, errors.StatusError) as error:
            _, *message = str(error).split(" query: ")  # then the query itself
            reason = message[0] if message else str(error)
            raise InputError(
                str(path),
                expected="the database of ML Metadata",
                received=f"a file that it cannot read ({reason})",
                hint="choose another workspace, or move the file away and lose all cached results",
                write=f"mv {path} {path}.damaged",
            ) from error

    def run(self, run_id: str) -> dict[str, Execution]:
        """Every node of a run by name, in the order in which they started."""
        context = self._run_context(run_id)
        found = self._store.get_executions_by_context(context.id) if context else []
        read = [self._read(execution) for execution in sorted(found, key=lambda e: e.id)]
        return {execution.node: execution for execution in read}

    def before(self, execution: Execution) -> list[Execution]:
        """Earlier executions of the same node, the latest first."""
        this = self._store.get_executions_by_id([execution.id])[0]
        earlier = [e for e in self._same_node(this) if e.id < execution.id]
        return [self._read(e) for e in sorted(earlier, key=lambda e: -e.id)]

    def producer(self, artifact: Artifact) -> Execution:
        """The execution that wrote an artifact."""
        events = self._store.get_events_by_artifact_ids([artifact.id])
        wrote = min(e.execution_id for e in events if e.type == pb.Event.OUTPUT)
        return self._read(self._store.get_executions_by_id([wrote])[0])

    def newest_artifact(self) -> int:
        """Its id; 0 where there is none."""
        return max((artifact.id for artifact in self._store.get_artifacts()), default=0)

    def note_tracked(self, run_id: str, tracking_id: str) -> None:
        """Writes on a run under which id the tracking server knows it; the cache never looks.

        A run of which there are no metadata, such as one that failed at once, is left out.
        """
        context = self._run_context(run_id)
        if context is not None:
            context.custom_properties[TRACKING_ID].string_value = tracking_id
            self._store.put_contexts([context])

    def tracking_id(self, run_id: str) -> str | None:
        """What ``note_tracked`` wrote."""
        context = self._run_context(run_id)
        found = context.custom_properties if context else {}
        return str(found[TRACKING_ID].string_value) if TRACKING_ID in found else None

    def close_unfinished(self, run_id: str | None = None) -> list[Execution]:
        """Marks what a run left open as failed, and removes what it half wrote.

        Args:
          run_id: of the run; None for all, which is for the holder of the workspace's lock, while
            nothing is running.
        """
        if not self._workspace.metadata.exists():
            return []
        closed = []
        for execution in self._store.get_executions():
            if execution.last_known_state in (pb.Execution.NEW, pb.Execution.RUNNING):
                found = self._read(execution)
                if run_id not in (None, found.run):
                    continue
                closed.append(found)
                for leftover in self._workspace.artifacts.glob(f"*/*/{execution.id}"):
                    shutil.rmtree(leftover)
                execution.last_known_state = pb.Execution.FAILED
                self._store.put_executions([execution])
        return closed

    def _run_context(self, run_id: str) -> Any:
        """None without one; asking must not create the file."""
        if not self._workspace.metadata.exists():
            return None
        return self._store.get_context_by_type_and_name("pipeline_run", run_id)

    def _same_node(self, execution: Any) -> list[Any]:
        (node,) = self._contexts(execution, "node")
        return list(self._store.get_executions_by_context(node.id))

    def _contexts(self, execution: Any, type_name: str) -> Iterator[Any]:
        for context in self._store.get_contexts_by_execution(execution.id):
            if context.type == type_name:
                yield context

    def _read(self, execution: Any) -> Execution:
        events = self._store.get_events_by_execution_ids([execution.id])
        (node,) = self._contexts(execution, "node")
        (run,) = self._contexts(execution, "pipeline_run")
        return Execution(
            id=execution.id,
            node=node.name.rpartition(".")[2],
            run=run.name,
            state=_state(execution),
            properties=values(execution),
            inputs=self._artifacts(events, pb.Event.INPUT),
            # What a resolver found is an internal output.
            outputs=self._artifacts(events, pb.Event.OUTPUT, pb.Event.INTERNAL_OUTPUT),
        )

    def _artifacts(self, events: list[Any], *kinds: int) -> dict[str, tuple[Artifact, ...]]:
        keys = {e.artifact_id: e.path.steps[0].key for e in events if e.type in kinds}
        found: dict[str, tuple[Artifact, ...]] = {}
        for artifact in self._store.get_artifacts_by_id(list(keys)):
            read = Artifact(artifact.id, Path(artifact.uri), values(artifact))
            found[keys[artifact.id]] = (*found.get(keys[artifact.id], ()), read)
        return found


def _state(execution: Any) -> State:
    state = _STATES.get(execution.last_known_state, "failed")
    return "resolved" if state == "ran" and execution.type.endswith(".Resolver") else state


def values(message: Any) -> dict[str, Any]:
    """Properties of an execution or artifact; those that hold JSON objects are read."""
    found = {}
    for name, value in [*message.properties.items(), *message.custom_properties.items()]:
        if not name.startswith("__"):
            found[name] = parsed(getattr(value, value.WhichOneof("value")))
    return found


def parsed(value: Any) -> Any:
    """A value of a property; of text that is a JSON object, the object."""
    if isinstance(value, struct_pb2.Struct):
        found = json_format.MessageToDict(value)
        return found.get("__value__", found)  # TFX's wrapping of a JSON value
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
