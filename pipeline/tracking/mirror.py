"""Brings a tracker up to date with a run: live, or long after it."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from huberflow.components.contracts import node_ids
from huberflow.pipeline.history.metadata_store import FINISHED
from huberflow.pipeline.history.run_history import Node, Run, RunMetadata
from huberflow.pipeline.report import files
from huberflow.pipeline.system.interruption import first_line
from huberflow.pipeline.system.masking import masked, masked_text
from huberflow.pipeline.tracking import lineage, params, points
from huberflow.pipeline.tracking.dataset import dataset
from huberflow.pipeline.tracking.lineage import exported_model
from huberflow.pipeline.tracking.port import Alias, NewRun, Outcome, Tracked, Tracker, TrackingError

_OUTCOMES: Mapping[str, Outcome] = {
    "done": "finished",
    "failed": "failed",
    "interrupted": "killed",
    "killed": "killed",
}


class UndeliverableError(Exception):
    """What a run wrote is gone or damaged; the message is one line for the user."""


class Mirror:
    """One run on a tracker: a run of its own, and one below it for each node.

    What has been delivered is remembered, so that a live run costs a few requests per node; all of
    it may be delivered again by another mirror, which changes nothing.

    Args:
      tracker: where to.
      workspace_id: tells apart runs of different workspaces.
    """

    def __init__(self, tracker: Tracker, workspace_id: str) -> None:
        self._tracker = tracker
        self._workspace_id = workspace_id
        self._children: dict[str, Tracked] = {}
        self._delivered: set[str] = set()
        self._epochs = 0
        self._files = tempfile.TemporaryDirectory()
        self.tracked: Tracked | None = None
        """The run on the tracker, once it is there."""
        self.complete = False
        """Whether the tracker has all of an ended run."""

    def update(self, run: Run) -> bool:
        """Delivers what the tracker does not have yet of a run, as far as it went.

        Returns:
          Whether it lacked anything, as far as one can tell.

        Raises:
          TrackingError: not all could be delivered; call again, with the same or a later state.
          UndeliverableError: not all can be delivered.
        """
        try:
            return self._update(run)
        except TrackingError:
            raise
        except Exception as error:  # whatever it is, it must not stop the delivery of other runs
            raise UndeliverableError(
                f"cannot be delivered: {type(error).__name__}: {first_line(error)}"
            ) from error

    def _update(self, run: Run) -> bool:
        run = _without_secrets(run)
        if self.tracked is None:
            self.tracked = self._opened(run)
        self.complete = self.complete or self.tracked.closed
        if self.complete:
            return False
        self._live_epochs(run, self.tracked.id)
        for node in run.nodes.values():
            self._node(run, node, self.tracked.id)
        if run.ended is not None:
            self._close(run, self.tracked.id)
            self.complete = True
        return True

    def _opened(self, run: Run) -> Tracked:
        parent = None
        if run.sweep is not None:
            above = self._new(run, run.sweep, run.metadata.sweep_name, run.metadata.sweep_started)
            parent = self._tracker.open_run(above).id
        new = self._new(run, run.id, run.name, run.started, parent)
        tracked = self._tracker.open_run(replace(new, tags=lineage.tags(run)))
        if not tracked.closed:
            config = yaml.safe_dump(run.config, sort_keys=False)
            self._attach(tracked.id, {"config.yaml": config})
            self._tracker.log(tracked.id, params=params.of_beam(run))
        return tracked

    def _new(
        self, run: Run, key: str, name: str, started: float, parent: str | None = None
    ) -> NewRun:
        return NewRun(
            key=f"{self._workspace_id}/{key}",
            experiment=lineage.experiment(run),
            name=name,
            started=started,
            parent=parent,
            experiment_tags=lineage.experiment_tags(run),
        )

    def _live_epochs(self, run: Run, parent: str) -> None:
        new = run.epochs[self._epochs :]
        if new:
            self._tracker.log(parent, points=list(points.curves(new)))
            self._epochs = len(run.epochs)

    def _node(self, run: Run, node: Node, parent: str) -> None:
        if node.name in self._delivered:
            return
        if node.name not in self._children:
            new = self._new(run, f"{run.id}/{node.name}", node.name, node.started, parent)
            self._children[node.name] = self._tracker.open_run(new)
        if node.state == "running" and run.ended is None:
            return
        child = self._children[node.name]
        if not child.closed:
            self._child(run, node, child.id)
            self._children[node.name] = replace(child, closed=True)
        self._on_parent(run, node, parent)
        self._delivered.add(node.name)

    def _child(self, run: Run, node: Node, child: str) -> None:
        self._tracker.log(
            child,
            params=params.of_node(node),
            points=[
                *points.costs(node, ""),
                *points.results(run, node),
                *points.shifts(run, node),
            ],
            tags=lineage.node_tags(node),
        )
        if node.execution is not None:
            self._attach(child, {"node.json": lineage.as_json(node)})
        ended = node.started + (node.seconds or 0.0)
        self._tracker.close_run(child, "finished" if node.state in FINISHED else "failed", ended)

    def _on_parent(self, run: Run, node: Node, parent: str) -> None:
        rolled_up = {
            params.shortened(f"{node.name}.{key}"): value
            for key, value in params.of_node(node).items()
        }
        self._tracker.log(
            parent,
            params=rolled_up,
            points=list(points.results(run, node)),
        )
        if node.name == node_ids.SCHEMA_GEN and node.execution is not None:
            self._tracker.log(parent, dataset=dataset(run))
        with tempfile.TemporaryDirectory() as aside:
            files.write_node(run, node.name, Path(aside))
            self._tracker.attach(parent, Path(aside))
            shutil.copytree(aside, self._files.name, dirs_exist_ok=True)  # for the report
        if node.name in (node_ids.TRAINER, node_ids.SERVING_EXPORT):
            self._register(run, parent, None)  # the upload need not wait for the run's end

    def _register(self, run: Run, parent: str, alias: Alias | None) -> str | None:
        """The name and version of the exported model; none without one."""
        model = exported_model(run, self._workspace_id)
        if model is None:
            return None
        return f"{model.name}/{self._tracker.register(parent, model, alias)}"

    def _close(self, run: Run, parent: str) -> None:
        model = self._register(run, parent, _alias(run))
        # Last, for MLflow's charts begin with the metrics that came first.
        last_points = [
            point
            for node in run.nodes.values()
            for point in (
                *points.shifts(run, node),
                *points.costs(node, f"nodes/{node.name}."),
            )
        ]
        self._tracker.log(parent, points=last_points, tags=lineage.final_tags(run, model))
        last = {}
        if run.kind == "run":
            last["report.html"] = files.write_page(run, Path(self._files.name)).read_text()
        log = run.metadata.log
        if run.status != "done" and log is not None and Path(log).exists():
            last["run.log"] = masked_text(Path(log).read_text(errors="replace"))
        self._attach(parent, last)
        assert run.ended is not None  # noqa: S101 (for the type checker)
        self._tracker.close_run(parent, _OUTCOMES[run.status], run.ended)

    def _attach(self, run_id: str, texts: Mapping[str, str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in texts.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            self._tracker.attach(run_id, Path(folder))


def _without_secrets(run: Run) -> Run:
    """All of a run that may be told; only where its files lie is as it was, to find them."""
    return replace(
        run,
        name=masked_text(run.name),
        config=masked(run.config),
        metadata=RunMetadata.from_json(masked(run.metadata.to_json())),
        nodes={name: _node_without_secrets(node) for name, node in run.nodes.items()},
    )


def _node_without_secrets(node: Node) -> Node:
    execution = node.execution
    if execution is not None:
        execution = replace(execution, properties=masked(execution.properties))
    return replace(node, execution=execution, cause=node.cause and masked_text(node.cause))


def _alias(run: Run) -> Alias | None:
    """Champion is the model that a run found blessed and pushed; what was only tried challenges it.

    A push that is reused from an earlier run changes nothing: a later one may serve by now.
    """
    report, pusher = run.report(), run.nodes.get(node_ids.PUSHER)
    if report is None:
        return None
    if pusher is None or not report["blessed"]:
        return "challenger"
    return "champion" if pusher.state == "ran" else None
