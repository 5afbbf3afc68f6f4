"""Brings a tracker up to date with a run: live, or long after it."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from pipeline import history
from pipeline.history import Epoch, Node, Run
from pipeline.report import files
from pipeline.tracking import lineage, params
from pipeline.tracking.dataset import dataset
from pipeline.tracking.lineage import exported_model
from pipeline.tracking.masking import masked, masked_text
from pipeline.tracking.port import Alias, NewRun, Outcome, Point, Tracked, Tracker

_OUTCOMES: Mapping[str, Outcome] = {
    "done": "finished",
    "failed": "failed",
    "interrupted": "killed",
    "killed": "killed",
}
_NODE_OUTCOMES: Mapping[str, Outcome] = {"ran": "finished", "cached": "finished"}


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
        """
        run = replace(run, config=masked(run.config), facts=masked(run.facts))
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
            above = NewRun(
                key=f"{self._workspace_id}/{run.sweep}",
                experiment=lineage.experiment(run),
                name=run.facts["sweep_name"],
                started=run.facts["sweep_started"],
            )
            parent = self._tracker.open_run(above).id
        return self._tracker.open_run(
            NewRun(
                key=f"{self._workspace_id}/{run.id}",
                experiment=lineage.experiment(run),
                name=run.name,
                started=run.started,
                parent=parent,
                tags=lineage.tags(run),
            )
        )

    def _live_epochs(self, run: Run, parent: str) -> None:
        new = run.epochs[self._epochs :]
        if new:
            self._tracker.log(parent, points=list(_curves(new)))
            self._epochs = len(run.epochs)

    def _node(self, run: Run, node: Node, parent: str) -> None:
        if node.name in self._delivered:
            return
        if node.name not in self._children:
            self._children[node.name] = self._tracker.open_run(
                NewRun(
                    key=f"{self._workspace_id}/{run.id}/{node.name}",
                    experiment=lineage.experiment(run),
                    name=node.name,
                    started=node.started,
                    parent=parent,
                )
            )
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
            points=[*_costs(node, ""), *_results(run, node)],
            tags=lineage.node_tags(node),
        )
        if node.execution is not None:
            with tempfile.TemporaryDirectory() as aside:
                (Path(aside) / "node.json").write_text(lineage.as_json(node))
                self._tracker.attach(child, Path(aside))
        ended = node.started + (node.seconds or 0.0)
        self._tracker.close_run(child, _NODE_OUTCOMES.get(node.state, "failed"), ended)

    def _on_parent(self, run: Run, node: Node, parent: str) -> None:
        rolled_up = {
            params.shortened(f"{node.name}.{key}"): value
            for key, value in params.of_node(node).items()
        }
        self._tracker.log(
            parent,
            params=rolled_up,
            points=[*_costs(node, f"nodes/{node.name}."), *_results(run, node)],
        )
        with tempfile.TemporaryDirectory() as aside:
            files.write_node(run, node.name, Path(aside))
            self._attach_and_keep(Path(aside), parent)

    def _attach_and_keep(self, folder: Path, parent: str) -> None:
        """The report at the end shows these files again."""
        self._tracker.attach(parent, folder)
        shutil.copytree(folder, self._files.name, dirs_exist_ok=True)

    def _close(self, run: Run, parent: str) -> None:
        self._tracker.log(
            parent,
            tags=lineage.final_tags(run) | self._registered(run, parent),
            dataset=dataset(run),
        )
        folder = Path(self._files.name)
        if run.kind == "run":
            files.write_page(run, folder)
        (folder / "config.yaml").write_text(yaml.safe_dump(run.config, sort_keys=False))
        log = Path(run.facts["log"])
        if run.status != "done" and log.exists():
            (folder / "run.log").write_text(masked_text(log.read_text(errors="replace")))
        self._tracker.attach(parent, folder)
        assert run.ended is not None  # noqa: S101 (for the type checker)
        self._tracker.close_run(parent, _OUTCOMES[run.status], run.ended)

    def _registered(self, run: Run, parent: str) -> dict[str, str]:
        """Registers the exported model of a run that was evaluated; tags that say so."""
        report, model = run.report(), exported_model(run, self._workspace_id)
        if report is None or model is None:
            return {}
        version = self._tracker.register(parent, model, _alias(run, blessed=report["blessed"]))
        return {"huberflow.model": f"{model.name}/{version}"}


def _alias(run: Run, *, blessed: bool) -> Alias | None:
    """Champion is what serves: a blessed model that this run pushed, or that was not pushed yet.

    A push that is reused from an earlier run changes nothing: a later one may serve by now.
    """
    if not blessed:
        return "challenger"
    pusher = run.nodes.get("Pusher")
    if pusher is None:
        return "challenger"
    return "champion" if pusher.state == "ran" else None


def _costs(node: Node, prefix: str) -> Iterator[Point]:
    """What a finished node took: seconds, whether it was reused, and peaks of what it used."""
    ended = node.started + (node.seconds or 0.0)
    yield Point(f"{prefix}seconds", node.seconds or 0.0, ended)
    yield Point(f"{prefix}cached", float(node.state == "cached"), ended)
    for name, value in node.usage.items():
        yield Point(f"{prefix}{name}", value, ended)


def _results(run: Run, node: Node) -> Iterator[Point]:
    """What a node found out: the Trainer's curves, the Evaluator's metrics over all rows."""
    if node.name == "Trainer":
        yield from _curves(history.curves(run))
    report = run.report() if node.name == "Evaluator" else None
    if report is not None:
        overall = next(row for row in report["slices"] if not row["slice"])
        ended = node.started + (node.seconds or 0.0)
        for group, model in (("evaluation", "candidate"), ("baseline", "baseline")):
            for key, value in (overall[model] or {}).items():
                yield Point(f"{group}/{key}", value, ended)


def _curves(epochs: Sequence[Epoch]) -> Iterator[Point]:
    for epoch in epochs:
        for name, value in epoch.values.items():
            yield Point(params.shortened(f"training/{name}"), value, epoch.ended, epoch.number)
