"""Writes what a run does into its journal, a JSON object per event.

ML Metadata records executions and artifacts; the journal repeats them and adds times, memory,
epochs, causes of failure and the git commit. Secrets are masked. All that reports a run, live or
later, reads only the journal, through ``history.run_history``.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from io import FileIO
from pathlib import Path

from huberflow.components.contracts.epoch_progress import EpochProgress
from huberflow.pipeline.history import node_results
from huberflow.pipeline.history.hooks import Hooks
from huberflow.pipeline.history.metadata_store import Execution
from huberflow.pipeline.history.run_history import RunKind, RunMetadata, RunStatus
from huberflow.pipeline.history.usage import ResourceUsage
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.interruption import first_line
from huberflow.pipeline.system.masking import masked, masked_text
from huberflow.pipeline.system.private_files import only_for_owner


class Journal(Hooks):
    """Hooks that write each event of a run as one line of a file.

    Args:
      path: the new file.
      name: the run's name.
      experiment: the experiment that the run belongs to on a tracking server.
      config: the whole resolved config, JSON-safe.
      metadata: what is recorded beside the config.
      sweep: the id of the sweep that the run is a trial of.
      kind: run or sweep.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        experiment: str,
        config: Mapping[str, object],
        metadata: RunMetadata,
        *,
        sweep: str | None = None,
        kind: RunKind = "run",
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._usage = ResourceUsage()
        about = {"id": path.stem, "name": masked_text(name), "experiment": experiment, "kind": kind}
        known = {"sweep": sweep, "config": config, "facts": metadata.to_json()}
        self._write("started", **about | masked(known))

    def node_started(self, node: str) -> None:
        """Writes the time, and starts to measure the resources that the node uses."""
        self._usage.start()
        self._write("node_started", node=node)

    def epoch_finished(self, progress: EpochProgress) -> None:
        """Writes the values of an epoch, with the time at which it ended."""
        self._write("epoch", time=progress.time, number=progress.epoch, values=progress.values)

    def node_finished(self, execution: Execution, seconds: float) -> None:
        """Writes what ML Metadata recorded of the node, and what TFX's own Evaluator found."""
        found: dict[str, object] = {"execution": _without_secrets(execution)}
        report = node_results.read_tfma_report(execution)  # here, where TFMA is imported already
        if report is not None:
            found["report"] = report.to_json()
        self._write_end_of_node("node_finished", execution.node, seconds, **found)

    def node_skipped(self, node: str) -> None:
        """Writes that the node did nothing."""
        self._usage.stop()
        self._write("node_skipped", node=node)

    def node_failed(
        self, node: str, seconds: float, error: BaseException, execution: Execution | None = None
    ) -> None:
        """Writes the cause in one line, and what ML Metadata recorded of the node."""
        found = {} if execution is None else {"execution": _without_secrets(execution)}
        cause = masked_text(first_line(error))
        self._write_end_of_node("node_failed", node, seconds, cause=cause, **found)

    def run_finished(self, status: RunStatus) -> None:
        """Writes the last line."""
        append_end(self._path, status, time.time())

    def _write_end_of_node(self, event: str, node: str, seconds: float, **values: object) -> None:
        self._write(event, node=node, seconds=seconds, usage=self._usage.stop(), **values)

    def _write(self, event: str, **values: object) -> None:
        append(self._path, {"event": event, "time": time.time(), **values})


def _without_secrets(execution: Execution) -> dict[str, object]:
    """An execution as JSON; the paths of artifacts stay as they are, to be opened."""
    return {**asdict(execution), "properties": masked(execution.properties)}


def close_killed(workspace: Workspace) -> list[str]:
    """Ends the journals of killed runs, and returns the runs' ids.

    Only for the process that has locked the workspace: no run is active then.
    """
    closed = []
    for path in sorted(workspace.journals.glob("*.jsonl")):
        if _ended(path):
            continue
        if b"\n" not in path.read_bytes():
            path.unlink()
            continue
        died = path.stat().st_mtime
        append_end(path, "killed", died)
        closed.append(path.stem)
    return closed


def _ended(path: Path) -> bool:
    """Whether the last line is an end; reads no more, as there may be thousands of journals."""
    longest_end = 200
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - longest_end))
        *_, last, rest = b"", b"", *file.read().split(b"\n")
    return rest == b"" and last.startswith(b'{"event": "ended"')


def append_end(path: Path, status: RunStatus, ended: float) -> None:
    """Ends a journal."""
    append(path, {"event": "ended", "time": ended, "status": status})


def append(path: Path, event: Mapping[str, object]) -> None:
    """Adds one event, whole or not at all.

    A journal may hold secrets that masking does not know, so other users cannot read it.

    Raises:
      OSError: such as on a full disk; the journal stays as it was.
    """
    line = (json.dumps(event, default=str) + "\n").encode()
    with open(path, "ab+", buffering=0, opener=only_for_owner) as file:
        end = _cut_half_line(file)
        try:
            while line:
                line = line[file.write(line) :]  # where the disk gets full, a part of it
        except OSError:
            file.truncate(end)
            raise


def _cut_half_line(file: FileIO) -> int:
    """Cuts off the half line that a killed process left at the end; returns the new size."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            end = file.truncate(file.readall().rfind(b"\n") + 1)
    return end
