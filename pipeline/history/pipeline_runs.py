"""The runs of any TFX pipeline, read from its metadata store alone, whichever runner made them."""

import hashlib
import json
import shlex
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import ml_metadata
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as pb

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.metadata_store import Execution, Records
from huberflow.pipeline.history.run_history import Node, Run, RunStatus
from huberflow.pipeline.history.store_connection import sqlite_connection, store_error

_EXAMPLE = "--metadata metadata.db"

_SILENCE = 6 * 3600.0
"""Seconds after which an unfinished run that the store has heard nothing of is taken for ended."""


@dataclass(frozen=True)
class PipelineRuns:
    """A pipeline of a metadata store, and its runs, oldest first."""

    pipeline: str
    id: str
    """Distinguishes pipelines of one name in different stores; a copied or moved store keeps it."""
    runs: Sequence[Run]


def read_pipelines(
    metadata: Path, pipeline: str | None = None, experiment: str | None = None
) -> list[PipelineRuns]:
    """The pipelines of a metadata store with their runs.

    A store does not say which runs go on: a run runs while one of its nodes does, or lacks a node
    of the run before it, until the store has not heard of it for hours. It may go on all the same.
    The store itself is not opened by ML Metadata, and stays as it is, byte for byte.

    Args:
      metadata: the SQLite file of ML Metadata.
      pipeline: the only one to read; None: all.
      experiment: the runs' experiment on a tracking server; None: named after the pipeline.

    Raises:
      InputError: there is no such file, it is no metadata store, or it has no such pipeline.
    """
    with _copied(metadata) as copy:
        records = Records(sqlite_connection(copy), copy.parent)
        contexts = {context.name: context for context in records.pipelines()}
        if pipeline is not None and pipeline not in contexts:
            raise InputError(
                "--pipeline",
                expected=f"one of {', '.join(contexts)}" if contexts else "a store with runs",
                received=repr(pipeline) if contexts else f"{metadata} without any",
                write=shlex.join(["--pipeline", next(iter(contexts))]) if contexts else _EXAMPLE,
            )
        return [
            PipelineRuns(name, pipeline_id(context), _runs(records, context, experiment or name))
            for name, context in contexts.items()
            if pipeline in (None, name)
        ]


def pipeline_id(pipeline: pb.Context) -> str:
    """The id of a pipeline: made of its name, and of the moment at which its store got it."""
    text = f"{pipeline.name} {pipeline.create_time_since_epoch}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _runs(records: Records, pipeline: pb.Context, experiment: str) -> list[Run]:
    by_run: dict[str, dict[str, Node]] = {}
    for recorded, execution in records.executions(pipeline):
        by_run.setdefault(execution.run, {})[execution.node] = _node(recorded, execution)
    before: Sequence[Mapping[str, Node]] = [{}, *by_run.values()]
    return [
        _run(run_id, nodes, pipeline.name, experiment, expected=earlier.keys())
        for (run_id, nodes), earlier in zip(by_run.items(), before, strict=False)
    ]


def _node(recorded: pb.Execution, execution: Execution) -> Node:
    started, ended = (
        milliseconds / 1000
        for milliseconds in (
            recorded.create_time_since_epoch,
            recorded.last_update_time_since_epoch,
        )
    )
    is_failed = execution.state == "failed"
    return Node(
        execution.node,
        execution.state,
        started,
        None if execution.state == "running" else ended - started,
        execution,
        cause=_cause(recorded) if is_failed else None,
    )


def _cause(recorded: pb.Execution) -> str:
    """The last line of the traceback, where TFX recorded it, which it mostly does not."""
    result = recorded.custom_properties["__execution_result__"].string_value or "{}"
    lines = str(json.loads(result).get("resultMessage", "")).strip().splitlines()
    return lines[-1] if lines else "its runner did not record why; see its log"


def _run(
    run_id: str, nodes: Mapping[str, Node], pipeline: str, experiment: str, expected: Set[str]
) -> Run:
    status = _status(nodes, expected)
    if status == "killed":
        nodes = {name: _killed(node) for name, node in nodes.items()}
    started = min(node.started for node in nodes.values())
    return Run(
        id=run_id,
        name=f"{pipeline} {datetime.fromtimestamp(started, UTC):%m-%d %H:%M:%S}",
        started=started,
        experiment=experiment,
        status=status,
        ended=None if status == "running" else max(node.ended for node in nodes.values()),
        nodes=nodes,
    )


def _status(nodes: Mapping[str, Node], expected: Set[str]) -> RunStatus:
    states = {node.state for node in nodes.values()}
    is_silent = time.time() - max(node.ended for node in nodes.values()) > _SILENCE
    if "running" in states:
        return "killed" if is_silent else "running"
    if "failed" in states:
        return "failed"
    return "done" if is_silent or expected <= nodes.keys() else "running"


def _killed(node: Node) -> Node:
    """The node as it was left, if it had not ended."""
    if node.state != "running":
        return node
    return replace(node, state="failed", cause="its run was killed")


@contextmanager
def _copied(metadata: Path) -> Iterator[Path]:
    """A copy of a metadata store, in the format of this version of ML Metadata."""
    if not metadata.is_file():
        raise _no_store(metadata, "a folder" if metadata.is_dir() else "no such file")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "metadata.db"
        try:
            _back_up(metadata, copy)
            ml_metadata.MetadataStore(sqlite_connection(copy), enable_upgrade_migration=True)
        except (sqlite3.Error, RuntimeError, errors.StatusError) as error:
            raise _no_store(
                metadata, f"a file that it cannot read ({store_error(error)})"
            ) from error
        yield copy


def _back_up(metadata: Path, copy: Path) -> None:
    """Copies a consistent state, also while a run writes into the store."""
    with (
        closing(sqlite3.connect(f"{metadata.absolute().as_uri()}?mode=ro", uri=True)) as origin,
        closing(sqlite3.connect(copy)) as target,
    ):
        tables = origin.execute("SELECT name FROM sqlite_master WHERE name = 'MLMDEnv'").fetchall()
        if not tables:
            raise sqlite3.DatabaseError("it has no table MLMDEnv")
        origin.backup(target)


def _no_store(metadata: Path, received: str) -> InputError:
    return InputError(
        "--metadata",
        expected="the SQLite file of ML Metadata that a pipeline writes",
        received=f"{metadata}, {received}",
        hint="it is the file in the pipeline's metadata_connection_config",
        write=_EXAMPLE,
    )
