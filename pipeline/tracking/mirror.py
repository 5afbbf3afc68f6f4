"""Mirrors a run on a tracking server, while it runs or long after."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from huberflow.components.contracts import node_ids
from huberflow.pipeline.history.metadata_store import FINISHED
from huberflow.pipeline.history.run_history import Node, Run, RunMetadata
from huberflow.pipeline.system.interruption import first_line
from huberflow.pipeline.system.masking import masked, masked_text
from huberflow.pipeline.tracking import metrics, params, tags
from huberflow.pipeline.tracking.data_and_model import dataset, exported_model
from huberflow.pipeline.tracking.tracker import (
    Alias,
    NewRun,
    Outcome,
    Tracked,
    Tracker,
    TrackingError,
)

_OUTCOMES: Mapping[str, Outcome] = {
    "done": "finished",
    "failed": "failed",
    "interrupted": "killed",
    "killed": "killed",
}


class UndeliverableError(Exception):
    """What a run wrote is gone or damaged, so that no server can get all of it."""


class Mirror:
    """Mirrors one run: a tracked run, and below it a tracked run for each node.

    A mirror remembers what it has delivered, so that a live run costs a few requests per node.
    Another mirror may deliver all of it again, which changes nothing.

    Args:
      tracker: the server.
      workspace_id: distinguishes runs of different workspaces.
    """

    def __init__(self, tracker: Tracker, workspace_id: str) -> None:
        self._tracker = tracker
        self._workspace_id = workspace_id
        self._children: dict[str, Tracked] = {}
        self._delivered: set[str] = set()
        self._epochs = 0
        self._files = tempfile.TemporaryDirectory()
        self.tracked: Tracked | None = None
        """The run on the server, once it has been opened."""
        self.complete = False
        """Whether the server has all of an ended run."""

    def update(self, run: Run) -> bool:
        """Delivers what the server does not have yet of a run, as far as the run went.

        Returns:
          Whether anything had to be delivered; False for a run that was already complete.

        Raises:
          TrackingError: the server failed; call again, with the same or a later state of the run.
          UndeliverableError: what the run wrote is gone or damaged.
        """
        try:
            return self._update(run)
        except TrackingError:
            raise
        except Exception as error:  # no error in one run may stop the delivery of others
            raise UndeliverableError(
                f"cannot be delivered: {type(error).__name__}: {first_line(error)}"
            ) from error

    def _update(self, run: Run) -> bool:
        run = _without_secrets(run)
        if self.tracked is None:
            self.tracked = self._open(run)
        self.complete = self.complete or self.tracked.closed
        if self.complete:
            return False
        self._log_epochs(run, self.tracked.id)
        for node in run.nodes.values():
            self._deliver_node(run, node, self.tracked.id)
        if run.ended is not None:
            self._close(run, self.tracked.id)
            self.complete = True
        return True

    def _open(self, run: Run) -> Tracked:
        parent = None
        if run.sweep is not None:
            known = run.metadata
            sweep = self._new_run(run, run.sweep, known.sweep_name, known.sweep_started)
            parent = self._tracker.open_run(sweep).id
        new = self._new_run(run, run.id, run.name, run.started, parent)
        tracked = self._tracker.open_run(replace(new, tags=tags.of_started_run(run)))
        if not tracked.closed:
            config = yaml.safe_dump(run.config, sort_keys=False)
            self._attach(tracked.id, {"config.yaml": config})
            self._tracker.log(tracked.id, params=params.of_beam(run))
        return tracked

    def _new_run(
        self, run: Run, key: str, name: str, started: float, parent: str | None = None
    ) -> NewRun:
        return NewRun(
            key=f"{self._workspace_id}/{key}",
            experiment=tags.experiment_name(run),
            name=name,
            started=started,
            parent=parent,
            experiment_tags=tags.of_experiment(run),
        )

    def _log_epochs(self, run: Run, parent: str) -> None:
        new = run.epochs[self._epochs :]
        if new:
            self._tracker.log(parent, metrics=list(metrics.epoch_metrics(new)))
            self._epochs = len(run.epochs)

    def _deliver_node(self, run: Run, node: Node, parent: str) -> None:
        if node.name in self._delivered:
            return
        if node.name not in self._children:
            new = self._new_run(run, f"{run.id}/{node.name}", node.name, node.started, parent)
            self._children[node.name] = self._tracker.open_run(new)
        if node.state == "running" and run.ended is None:
            return
        child = self._children[node.name]
        if not child.closed:
            self._log_child(run, node, child.id)
            self._children[node.name] = replace(child, closed=True)
        self._log_on_parent(run, node, parent)
        self._delivered.add(node.name)

    def _log_child(self, run: Run, node: Node, child: str) -> None:
        self._tracker.log(
            child,
            params=params.of_node(node),
            metrics=[
                *metrics.resource_metrics(node, ""),
                *metrics.model_metrics(run, node),
                *metrics.data_metrics(run, node),
            ],
            tags=tags.of_node(node),
        )
        if node.execution is not None:
            self._attach(child, {"node.json": tags.node_json(node)})
        outcome: Outcome = "finished" if node.state in FINISHED else "failed"
        self._tracker.close_run(child, outcome, node.ended)

    def _log_on_parent(self, run: Run, node: Node, parent: str) -> None:
        self._tracker.log(
            parent,
            params=params.of_node(node, f"{node.name}."),
            metrics=list(metrics.model_metrics(run, node)),
        )
        if node.name == node_ids.SCHEMA_GEN and node.execution is not None:
            self._tracker.log(parent, dataset=dataset(run))
        # Imported here, with matplotlib, so that every command which delivers later starts fast.
        from huberflow.pipeline.report import files

        with tempfile.TemporaryDirectory() as folder:
            files.write_node(run, node.name, Path(folder))
            self._tracker.attach(parent, Path(folder))
            shutil.copytree(folder, self._files.name, dirs_exist_ok=True)  # for the report
        if node.name in (node_ids.TRAINER, node_ids.SERVING_EXPORT):
            self._register(run, parent, None)  # the upload need not wait for the run's end

    def _register(self, run: Run, parent: str, alias: Alias | None) -> str | None:
        """Registers the exported model; its name and version, None where there is none."""
        model = exported_model(run, self._workspace_id)
        if model is None:
            return None
        return f"{model.name}/{self._tracker.register(parent, model, alias)}"

    def _close(self, run: Run, parent: str) -> None:
        model = self._register(run, parent, _alias(run))
        # Last, because MLflow's charts are in the order in which the metrics were logged.
        last_metrics = [
            metric
            for node in run.nodes.values()
            for metric in (
                *metrics.data_metrics(run, node),
                *metrics.resource_metrics(node, f"nodes/{node.name}."),
            )
        ]
        self._tracker.log(parent, metrics=last_metrics, tags=tags.of_ended_run(run, model))
        last = {}
        if run.kind == "run":
            from huberflow.pipeline.report import files

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
    """The run with its secrets masked; only the paths of its files stay, so that they are found."""
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
    """Champion is a blessed and pushed model; one that was only evaluated is the challenger.

    A push that is reused from an earlier run moves no alias: a later model may serve by now.
    """
    report, pusher = run.report(), run.nodes.get(node_ids.PUSHER)
    if report is None:
        return None
    if pusher is None or not report.blessed:
        return "challenger"
    return "champion" if pusher.state == "ran" else None
