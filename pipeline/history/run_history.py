"""The runs of a pipeline, and those of a workspace, as their journals record them."""

import csv
import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from huberflow.components.contracts import artifact_files
from huberflow.components.contracts.evaluation_config import EvaluationConfig
from huberflow.components.contracts.evaluation_report import EvaluationReport
from huberflow.components.contracts.importance import Importance
from huberflow.components.contracts.threshold import Threshold
from huberflow.components.contracts.validation_findings import ValidationFindings
from huberflow.custom_objects.input_error import InputError
from huberflow.custom_objects.json_record import JSON, JsonRecord
from huberflow.pipeline.history import node_results
from huberflow.pipeline.history.git import GitState
from huberflow.pipeline.history.metadata_store import Artifact, Execution, NodeState
from huberflow.pipeline.history.workspace import Workspace

RunStatus = Literal["running", "done", "failed", "interrupted", "killed"]
RunKind = Literal["run", "sweep"]


@dataclass(frozen=True)
class Node:
    """One node of a run."""

    name: str
    state: NodeState
    started: float
    """Seconds since 1970, like all times in this module."""
    seconds: float | None = None
    execution: Execution | None = None
    """The record in ML Metadata; None where a journal has none: the node runs, or failed early."""
    usage: Mapping[str, float] = field(default_factory=dict)
    """The resources that it used, such as ``cpu_seconds`` and ``peak_memory_mb``."""
    cause: str | None = None
    """Why it failed, in one line."""
    report: EvaluationReport | None = None
    """What TFX's own Evaluator found, where the journal has it."""

    def artifact(self, key: str) -> Artifact | None:
        """The only output under a key that the node wrote, once it is written."""
        return self.execution.written(key) if self.execution else None

    @property
    def ended(self) -> float:
        """When the node ended; when it started, as long as it runs."""
        return self.started + (self.seconds or 0.0)


@dataclass(frozen=True)
class Epoch:
    """One epoch of training: its number from 1, when it ended, and its values by name."""

    number: int
    ended: float
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RunMetadata(JsonRecord):
    """What is recorded of a run beside its config: who ran what, where, with which code."""

    command: str = ""
    """The command that the user typed."""
    user: str | None = None
    host: str | None = None
    workspace: str | None = None
    log: str | None = None
    """The path of the run's log."""
    git: GitState | None = None
    """The repository of the folder in which the command was typed."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version of Python, and of each package that decides what a run does."""
    inputs: str = ""
    """The digest of all that decides a run; empty where it could not be known so early."""
    changes: Mapping[str, JSON] = field(default_factory=dict)
    """Settings that differ from the defaults, by dotted key."""
    grid: tuple[str, ...] = ()
    """For a sweep: its settings, ``key=value,value`` each."""
    sweep_name: str = ""
    """For a trial: the name of its sweep."""
    sweep_started: float = 0.0
    sweep_trial: int = 0
    """For a trial: its number in the sweep, from 1."""


@dataclass(frozen=True)
class Run:
    """A run of a pipeline, or a sweep of runs, as far as it went.

    What a run wrote is found by the output's key, as TFX's components name it: nodes have any id.
    """

    id: str
    name: str
    """The name that people read."""
    started: float
    experiment: str = field(kw_only=True)
    """The experiment that it belongs to on a tracking server."""
    kind: RunKind = "run"
    status: RunStatus = "running"
    ended: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    """The whole resolved config, JSON-safe; empty for a pipeline that is not huberflow's."""
    metadata: RunMetadata = field(default_factory=RunMetadata)
    sweep: str | None = None
    """The id of the sweep that it is a trial of."""
    nodes: Mapping[str, Node] = field(default_factory=dict)
    """The nodes that have started, in order."""
    epochs: tuple[Epoch, ...] = ()
    """The epochs of this run's training; for those of a cached Trainer see ``model_epochs``."""
    damage: str | None = None
    """Where its journal is damaged, in one line; the run is read up to there."""

    def writer(self, key: str) -> Node | None:
        """The first node that wrote an output under a key, once it is written."""
        return next((node for node in self.nodes.values() if node.artifact(key)), None)

    def artifact(self, key: str) -> Artifact | None:
        """The output under a key, once it is written."""
        node = self.writer(key)
        return node.artifact(key) if node else None

    def predictions(self) -> Path | None:
        """The file of the trained model's predictions for some eval rows, once it is written."""
        trained = self.artifact("model_run")
        path = trained.uri / artifact_files.PREDICTIONS if trained else None
        return path if path and path.is_file() else None

    def importance(self) -> Importance | None:
        """How much each column matters to the trained model, where that was measured."""
        trained = self.artifact("model_run")
        path = trained.uri / artifact_files.IMPORTANCE if trained else None
        return Importance.read(path) if path and path.is_file() else None

    def threshold(self) -> Threshold | None:
        """From which probability on the trained model answers its second class, where chosen."""
        trained = self.artifact("model_run")
        path = trained.uri / artifact_files.THRESHOLD if trained else None
        return Threshold.read(path) if path and path.is_file() else None

    def findings(self) -> ValidationFindings | None:
        """The ExampleValidator's findings, once they are written."""
        validator = self.writer("anomalies")
        if validator is None or validator.execution is None:
            return None
        return node_results.read_findings(validator.execution)

    def report(self) -> EvaluationReport | None:
        """The Evaluator's report, once it is written."""
        evaluator = self.writer("evaluation")
        if evaluator is None or evaluator.execution is None:
            return None
        return evaluator.report or node_results.read_report(evaluator.execution)

    @property
    def seconds(self) -> float | None:
        """How long the run took; None until it has ended."""
        return None if self.ended is None else self.ended - self.started

    @property
    def failed_node(self) -> Node | None:
        """The node that failed, where one did."""
        return next((node for node in self.nodes.values() if node.state == "failed"), None)

    @property
    def evaluation(self) -> EvaluationConfig:
        """The section ``evaluation`` of the config."""
        return EvaluationConfig.from_json(self.config["evaluation"])


def all_runs(workspace: Workspace, warn: Callable[[str], None]) -> list[Run]:
    """All runs and sweeps of a workspace, oldest first; see ``read_runs``."""
    return read_runs(workspace.journals.glob("*.jsonl"), warn)


def read_runs(journals: Iterable[Path], warn: Callable[[str], None]) -> list[Run]:
    """The runs of these journals, oldest first.

    Args:
      journals: an empty one is left out, because its run is about to begin.
      warn: called with a line for each journal that is damaged or cannot be read.
    """
    runs = []
    for journal in journals:
        try:
            if journal.stat().st_size:
                run = read_run(journal)
                runs.append(run)
                if run.damage:
                    warn(run.damage)
        except InputError as error:
            warn(str(error))
    return sorted(runs, key=lambda run: (run.started, run.id))


def model_epochs(run: Run) -> tuple[Epoch, ...]:
    """The epochs of the run's model, also where its Trainer is cached from an earlier run."""
    trained = run.artifact("model_run")
    path = trained.uri / artifact_files.EPOCHS if trained else None
    if run.epochs or path is None or not (run.config or path.is_file()):
        return run.epochs
    with path.open(encoding="utf-8", newline="") as lines:
        return tuple(_epoch(row) for row in csv.DictReader(lines))


def _epoch(row: Mapping[str, str]) -> Epoch:
    values = {key: float(value) for key, value in row.items()}
    return Epoch(int(values.pop("epoch")) + 1, values.pop("time"), values)


def read_run(journal: Path) -> Run:
    """The run of one journal, up to the first damaged line.

    Raises:
      InputError: it may not be read, does not begin with a run, or has an event that this version
        does not know.
    """
    try:
        with journal.open("rb") as lines:
            return _replay(journal, lines)
    except PermissionError as error:
        raise InputError(
            str(journal),
            expected="a journal that you may read",
            received=f"one of the user with the number {journal.stat().st_uid}",
            hint="journals are for their owner alone; its run is left out",
            write=shlex.join(["sudo", "chown", "-R", str(os.getuid()), str(journal.parents[1])]),
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # Another version of huberflow, or an editor, may have written anything.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise InputError(
            str(journal),
            expected="the journal of a run, written by this version",
            received=f"one that cannot be read ({kind}{error})",
            hint="its run is left out; to leave it out for good",
            write=shlex.join(["mv", str(journal), f"{journal}.damaged"]),
        ) from error


def _replay(journal: Path, lines: Iterable[bytes]) -> Run:
    run, time = None, 0.0
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            break  # a killed process left half a line
        event = _event(line)
        if event is None:
            if run is None:
                raise ValueError(f"expected an event in line 1, received {line[:40]!r}")
            damage = f"{journal}: line {number} is damaged; its run is read up to there"
            return _cut_short(run, time, damage)
        run = _begun(event) if run is None else _after(run, event, journal.parents[1])
        time = event["time"]
    if run is None:
        raise ValueError("expected a journal that begins with a run, received an empty one")
    return run


def _event(line: bytes) -> Mapping[str, Any] | None:
    """The event of a line; None where that is damaged."""
    try:
        event = json.loads(line.decode())
    except ValueError:
        return None
    return event if isinstance(event, Mapping) else None


def _begun(event: Mapping[str, Any]) -> Run:
    if event["event"] != "started":
        raise ValueError(f"expected a journal that begins with a run, received {event}")
    return _started(event)


def _cut_short(run: Run, time: float, damage: str) -> Run:
    """The run as far as it is known; where it had not ended, it counts as killed."""
    if run.status != "running":
        return replace(run, damage=damage)
    return replace(run, status="killed", ended=time, damage=damage)


def _started(event: Mapping[str, Any]) -> Run:
    fields = {key: value for key, value in event.items() if key not in ("event", "time", "facts")}
    return Run(started=event["time"], metadata=RunMetadata.from_json(event["facts"]), **fields)


def _after(run: Run, event: Mapping[str, Any], root: Path) -> Run:
    time = event["time"]
    match event["event"]:
        case "started":
            return _started(event)
        case "node_started":
            return _with(run, Node(event["node"], "running", started=time))
        case "node_finished":
            execution = _execution(event["execution"], root)
            found = (
                {"report": EvaluationReport.from_json(event["report"])} if "report" in event else {}
            )
            return _ended(run, event, state=execution.state, execution=execution, **found)
        case "node_skipped":
            kept = {name: node for name, node in run.nodes.items() if name != event["node"]}
            return replace(run, nodes=kept)
        case "node_failed":
            recorded = _execution(event["execution"], root) if "execution" in event else None
            return _ended(run, event, state="failed", cause=event["cause"], execution=recorded)
        case "epoch":
            epoch = Epoch(event["number"], time, event["values"])
            return replace(run, epochs=(*run.epochs, epoch))
        case "ended":
            return replace(run, status=event["status"], ended=time)
    raise ValueError(f"expected an event that this version knows, received {event['event']!r}")


def _ended(run: Run, event: Mapping[str, Any], **changes: Any) -> Run:
    node = run.nodes[event["node"]]
    return _with(run, replace(node, seconds=event["seconds"], usage=event["usage"], **changes))


def _with(run: Run, node: Node) -> Run:
    return replace(run, nodes={**run.nodes, node.name: node})


def _execution(values: Mapping[str, Any], root: Path) -> Execution:
    groups = {
        direction: {
            key: tuple(
                Artifact(a["id"], Path(a["uri"]), a["properties"]).found_in(root) for a in artifacts
            )
            for key, artifacts in values[direction].items()
        }
        for direction in ("inputs", "outputs")
    }
    return Execution(**{**values, **groups})
