"""The interface of a tracking server, what is sent to it, and a tracker that sends nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

Outcome = Literal["finished", "failed", "killed"]
Alias = Literal["champion", "challenger"]
RawValue: TypeAlias = float | str | None
"""A value of a raw column; None where it is missing."""


class TrackingError(Exception):
    """The server cannot be reached, or refused the request; the message is for the user."""


class UnreachableError(TrackingError):
    """Nothing answers at the server's address: no run can be delivered now."""


@dataclass(frozen=True)
class NewRun:
    """A run to open on the server."""

    key: str
    """Huberflow's key, unique over all workspaces; the same key is the same run."""
    experiment: str
    """The experiment's name."""
    name: str
    """The name that people read."""
    started: float
    """Seconds since 1970."""
    parent: str | None = None
    """The id of the run above it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    experiment_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of the experiment where this run creates it; an existing one keeps its own."""
    revision: str | None = None
    """Stands for what is known of a run that may still go on; None for any other run."""


@dataclass(frozen=True)
class Tracked:
    """A run on the server."""

    id: str
    experiment: str
    """The experiment's id."""
    closed: bool
    """Whether ``close_run`` was called: all of the run has been delivered."""


@dataclass(frozen=True)
class MetricValue:
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
    """A path or URI."""
    rows: Mapping[str, int]
    """The number of rows by split."""
    columns: Mapping[str, str]
    """The type (double, long, string) by name."""


@dataclass(frozen=True)
class Column:
    """A raw column that the exported model reads, or an output of it."""

    name: str
    type: Literal["double", "string"]


@dataclass(frozen=True)
class ExportedModel:
    """A SavedModel to register."""

    key: str
    """Huberflow's key, unique over all workspaces; the same key is the same version."""
    name: str
    """The name of the registered model, which its versions share."""
    folder: Path
    """The SavedModel, with a signature ``columns``."""
    inputs: Sequence[Column]
    """Any of them may be missing from a row."""
    outputs: Sequence[Column]
    example: Sequence[Mapping[str, RawValue]]
    """A few rows of raw columns."""
    tags: Mapping[str, str] = field(default_factory=dict)


class Tracker(Protocol):
    """A tracking server. Every call may be repeated: a second equal one changes nothing.

    Raises:
      TrackingError: from every method, when the server cannot be reached or refuses.
    """

    def open_run(self, run: NewRun) -> Tracked:
        """Finds the run with this key, or creates it, open.

        One that was closed at another revision is opened again: it has gone on since.
        """

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Sequence[MetricValue] = (),
        tags: Mapping[str, str] | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        """Adds what the run does not have yet; tags are replaced."""

    def attach(self, run_id: str, folder: Path) -> None:
        """Makes every file below ``folder`` an artifact of the run, under its path in there."""

    def register(self, run_id: str, model: ExportedModel, alias: Alias | None) -> str:
        """Registers a model unless it is registered, moves the alias to it, returns its version.

        The champion stays champion until another version becomes it.
        """

    def close_run(self, run_id: str, outcome: Outcome, ended: float) -> None:
        """Ends a run: all of it has been delivered."""


class NullTracker:
    """Sends nothing, for a dry run; it only remembers which runs were closed."""

    def __init__(self) -> None:
        self._closed: set[str] = set()

    def open_run(self, run: NewRun) -> Tracked:
        """Uses the run's key as its id."""
        return Tracked(run.key, run.experiment, run.key in self._closed)

    def log(self, run_id: str, **values: object) -> None:
        """Sends nothing."""

    def attach(self, run_id: str, folder: Path) -> None:
        """Sends nothing."""

    def register(self, run_id: str, model: ExportedModel, alias: Alias | None) -> str:
        """Uses the model's key as its version."""
        return model.key

    def close_run(self, run_id: str, outcome: Outcome, ended: float) -> None:
        """Remembers that the run is closed."""
        self._closed.add(run_id)
