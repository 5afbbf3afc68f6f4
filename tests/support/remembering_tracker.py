"""A tracker that keeps all in memory, and may fail at any call."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from huberflow.pipeline.tracking.tracker import NewRun, Tracked, TrackingError


@dataclass
class Kept:
    new: NewRun
    params: dict = field(default_factory=dict)
    metrics: set = field(default_factory=set)
    tags: dict = field(default_factory=dict)
    datasets: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    outcome: str | None = None
    ended: float | None = None
    revision: str | None = None


class RememberingTracker:
    """Holds what the port promises: the same twice changes nothing, a closed run stays closed."""

    def __init__(self, fail_at: int | None = None) -> None:
        self.runs: dict[str, Kept] = {}
        self.versions: dict[tuple[str, str], str] = {}
        self.aliases: dict[str, str] = {}
        self.models: dict = {}
        self.calls = 0
        self.fail_at = fail_at

    def open_run(self, run: NewRun) -> Tracked:
        self._call()
        kept = self.runs.setdefault(run.key, Kept(run, tags=dict(run.tags)))
        if run.revision not in (None, kept.revision):
            kept.outcome, kept.revision = None, run.revision
        return Tracked(run.key, run.experiment, kept.outcome is not None)

    def log(self, run_id, *, params=None, metrics=(), tags=None, dataset=None) -> None:
        self._call()
        kept = self._open(run_id)
        for key, value in (params or {}).items():
            assert kept.params.setdefault(key, value) == value, key
        kept.metrics |= set(metrics)
        kept.tags |= tags or {}
        if dataset is not None and dataset not in kept.datasets:
            kept.datasets.append(dataset)

    def attach(self, run_id, folder: Path) -> None:
        self._call()
        files = (path for path in folder.rglob("*") if path.is_file())
        found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
        self._open(run_id).files |= found

    def register(self, run_id, model, alias) -> str:
        self._call()
        self._open(run_id)
        number = 1 + sum(name == model.name for name, _ in self.versions)
        version = self.versions.setdefault((model.name, model.key), str(number))
        self.models[version] = model
        if alias is not None and self.aliases.get("champion") != version:
            self.aliases = {a: v for a, v in self.aliases.items() if v != version}
            self.aliases[alias] = version
        return version

    def close_run(self, run_id, outcome, ended) -> None:
        self._call()
        kept = self.runs[run_id]
        if kept.outcome is None:
            kept.outcome, kept.ended = outcome, ended

    def values(self, run_id: str) -> dict[str, float]:
        """The last value of each metric."""
        points = sorted(self.runs[run_id].metrics, key=lambda point: point.step)
        return {point.key: point.value for point in points}

    def _open(self, run_id: str) -> Kept:
        assert self.runs[run_id].outcome is None, f"{run_id} is closed"
        return self.runs[run_id]

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise TrackingError("http://tracker: cannot be reached")
