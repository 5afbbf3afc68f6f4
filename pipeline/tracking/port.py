"""What we need of a tracking server, and the tracker that tracks nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Outcome = Literal["finished", "failed", "killed"]
Alias = Literal["champion", "challenger"]


class TrackingError(Exception):
    """The server cannot be reached, or refused; the message is one line for the user."""


class UnreachableError(TrackingError):
    """Nothing answers at the server's address: no run can be delivered now."""


@dataclass(frozen=True)
class NewRun:
    """What a tracked run begins with."""

    key: str
    """Ours, unique over all workspaces; the same key is the same run."""
    experiment: str
    name: str
    """For people."""
    started: float
    """Seconds since 1970."""
    parent: str | None = None
    """Id of the run above it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    experiment_tags: Mapping[str, str] = field(default_factory=dict)
    """Of a new experiment; one that is there keeps its own."""


@dataclass(frozen=True)
class Tracked:
    """A run on the server."""

    id: str
    experiment: str
    """Id of its experiment."""
    closed: bool
    """Whether ``close_run`` was called: then all of it has been delivered."""


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    key: str
    value: float
    time: float
    """Seconds since 1970."""
    step: int = 0


@dataclass(frozen=True)
class Dataset:
    """The data that a run used."""

    name: str
    digest: str
    """At most 36 characters."""
    source: str
    """Path or URI."""
    rows: Mapping[str, int]
    """Number of rows by split."""
    columns: Mapping[str, str]
    """Type (double, long, string) by name."""


@dataclass(frozen=True)
class Column:
    """One raw column that the exported model reads, or one that it answers with."""

    name: str
    type: Literal["double", "string"]


@dataclass(frozen=True)
class ExportedModel:
    """A SavedModel to register."""

    key: str
    """Ours, unique over all workspaces; the same key is the same version."""
    name: str
    """Of the registered model; its versions share it."""
    folder: Path
    """The SavedModel, with a signature ``columns``."""
    inputs: Sequence[Column]
    """Any of them may be missing from a row."""
    outputs: Sequence[Column]
    example: Sequence[Mapping[str, float | str | None]]
    """A few rows of raw columns."""
    tags: Mapping[str, str] = field(default_factory=dict)


class Tracker(Protocol):
    """A tracking server. Every call may be repeated: the same twice changes nothing.

    Raises:
      TrackingError: from every method, when the server cannot be reached or refuses.
    """

    def open_run(self, run: NewRun) -> Tracked:
        """Finds the run with this key, or creates it, open."""

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        points: Sequence[Point] = (),
        tags: Mapping[str, str] | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        """Adds what the run does not have yet; tags are replaced."""

    def attach(self, run_id: str, folder: Path) -> None:
        """Makes every file below ``folder`` an artifact of the run, under its path in there."""

    def register(self, run_id: str, model: ExportedModel, alias: Alias | None) -> str:
        """Registers a model under its name, unless it is; gives it the alias; its version.

        The champion stays champion until another version is.
        """

    def close_run(self, run_id: str, outcome: Outcome, ended: float) -> None:
        """Ends a run: all of it has been delivered."""


class NullTracker:
    """Remembers which runs there are, and sends nothing: for a dry run."""

    def __init__(self) -> None:
        self._closed: dict[str, bool] = {}
        self._versions: dict[str, str] = {}

    def open_run(self, run: NewRun) -> Tracked:
        """The key is the id."""
        return Tracked(run.key, run.experiment, self._closed.setdefault(run.key, False))

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        points: Sequence[Point] = (),
        tags: Mapping[str, str] | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        """Nothing."""

    def attach(self, run_id: str, folder: Path) -> None:
        """Nothing."""

    def register(self, run_id: str, model: ExportedModel, alias: Alias | None) -> str:
        """Counts the models of one name."""
        versions = self._versions
        number = 1 + sum(key.startswith(f"{model.name}\n") for key in versions)
        return versions.setdefault(f"{model.name}\n{model.key}", str(number))

    def close_run(self, run_id: str, outcome: Outcome, ended: float) -> None:
        """Remembers it."""
        self._closed[run_id] = True
