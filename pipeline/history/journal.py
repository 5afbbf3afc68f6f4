"""Writes down what a run does, event by event, so that it can be told again at any time.

ML Metadata holds what ran, on what, and what came out; the journal repeats that and adds what
ML Metadata has no place for: times, memory, epochs, causes, the git commit. Whoever reports a
run, live or later, reads the journal (``pipeline.history.run_history``) and needs nothing else.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.history.metadata_store import Execution
from huberflow.pipeline.history.run_history import Kind, RunMetadata, Status
from huberflow.pipeline.history.usage import Usage
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.interruption import first_line


class Journal:
    """The runner's hooks, written to a file: a JSON object per line, each whole or not there.

    Args:
      path: of the new file.
      name: of the run, for people.
      config: the whole resolved config, JSON-safe.
      metadata: what is recorded beside the config.
      sweep: id of the sweep that the run is a trial of.
      kind: run or sweep.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        config: Mapping[str, Any],
        metadata: RunMetadata,
        *,
        sweep: str | None = None,
        kind: Kind = "run",
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._usage = Usage()
        self._write(
            "started",
            id=path.stem,
            name=name,
            kind=kind,
            config=config,
            facts=metadata.to_json(),
            sweep=sweep,
        )

    def run_started(self, run_id: str, nodes: Sequence[str]) -> None:
        """Nothing: the file began with the run."""

    def node_started(self, node: str) -> None:
        """Notes the time, and watches what the node uses."""
        self._usage.start()
        self._write("node_started", node=node)

    def epoch_finished(self, progress: EpochProgress) -> None:
        """Notes an epoch of training, at the time at which it ended."""
        self._write(
            "epoch",
            time=progress.time,
            number=progress.epoch,
            values=progress.values,
        )

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """Repeats what ML Metadata has of the node."""
        self._write(
            "node_finished",
            node=execution.node,
            seconds=seconds,
            usage=self._usage.stop(),
            execution=asdict(execution),
        )

    def node_failed(self, node: str, seconds: float, error: BaseException) -> None:
        """Notes the cause in one line."""
        self._write(
            "node_failed",
            node=node,
            seconds=seconds,
            usage=self._usage.stop(),
            cause=first_line(error),
        )

    def run_finished(self, status: Status) -> None:
        """The last line."""
        self._write("ended", status=status)

    def _write(self, event: str, **values: Any) -> None:
        append(self._path, {"event": event, "time": time.time(), **values})


def close_killed(workspace: Workspace) -> list[str]:
    """Ends the journals of runs that were killed; their ids.

    Only for the holder of the workspace's lock: nothing is running then.
    """
    closed = []
    for path in sorted(workspace.journals.glob("*.jsonl")):
        if _ended(path):
            continue
        died = path.stat().st_mtime
        _drop_half_line(path)
        if path.stat().st_size == 0:
            path.unlink()
            continue
        append(path, {"event": "ended", "time": died, "status": "killed"})
        closed.append(path.stem)
    return closed


def _ended(path: Path) -> bool:
    """Whether the last line says so; cheap, for a workspace may hold thousands of journals."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END))
        *_, last, rest = b"", b"", *file.read().split(b"\n")
    return rest == b"" and last.startswith(b'{"event": "ended"')


_LONGEST_END = 200


def _drop_half_line(path: Path) -> None:
    whole = path.read_bytes().rpartition(b"\n")
    os.truncate(path, len(whole[0]) + len(whole[1]))


def append(path: Path, event: Mapping[str, Any]) -> None:
    """Adds one event; one write, so that a reader sees all of it or nothing."""
    line = json.dumps(event, default=str) + "\n"
    with path.open("ab", buffering=0) as file:
        file.write(line.encode())
