"""Mirrors a run on a tracking server, while it runs or long after."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import yaml

from huberflow.pipeline.history.metadata_store import FINISHED
from huberflow.pipeline.history.run_history import Epoch, Node, Run, RunMetadata, model_epochs
from huberflow.pipeline.system.interruption import first_line
from huberflow.pipeline.system.masking import masked, masked_text
from huberflow.pipeline.tracking import params, tags
from huberflow.pipeline.tracking.data_and_model import dataset, exported_model
from huberflow.pipeline.tracking.tracker import (
    Alias,
    MetricValue,
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
      origin: the id of the workspace or of the pipeline that the run belongs to.
      may_go_on: a run that was closed is delivered again if it has gone on since. Only for runs
        that nothing but a metadata store records.
    """

    def __init__(self, tracker: Tracker, origin: str, *, may_go_on: bool = False) -> None:
        self._tracker = tracker
        self._origin = origin
        self._may_go_on = may_go_on
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
        run = _masked_run(run)
        if self.tracked is None:
            self.tracked = self._open(run)
        self.complete = self.complete or self.tracked.closed
        if self.complete:
            return False
        if new_epochs := run.epochs[self._epochs :]:
            self._tracker.log(self.tracked.id, metrics=list(_epoch_metrics(new_epochs)))
            self._epochs = len(run.epochs)
        for node in run.nodes.values():
            self._deliver_node(run, node, self.tracked.id)
        if run.ended is not None:
            self._close(run, self.tracked.id)
            self.complete = True
        return True

    def _open(self, run: Run) -> Tracked:
        parent = None
        if run.sweep is not None:
            about = run.metadata
            sweep = self._new_run(run, [run.sweep], about.sweep_name, about.sweep_started)
            parent = self._tracker.open_run(sweep).id
        new = self._new_run(run, [run.id], run.name, run.started, parent)
        tracked = self._tracker.open_run(replace(new, tags=tags.of_started_run(run)))
        if not tracked.closed:
            if run.config:
                config = yaml.safe_dump(run.config, sort_keys=False)
                self._attach(tracked.id, {"config.yaml": config})
            self._tracker.log(tracked.id, params=params.of_beam(run))
        return tracked

    def _new_run(
        self, run: Run, key: Sequence[str], name: str, started: float, parent: str | None = None
    ) -> NewRun:
        return NewRun(
            key="/".join([self._origin, *(quote(part, safe=" :+") for part in key)]),
            experiment=run.experiment,
            name=name,
            started=started,
            parent=parent,
            experiment_tags=tags.of_experiment(run),
            revision=_revision(run, key[1:]) if self._may_go_on else None,
        )

    def _deliver_node(self, run: Run, node: Node, parent: str) -> None:
        if node.name in self._delivered:
            return
        if node.name not in self._children:
            new = self._new_run(run, [run.id, node.name], node.name, node.started, parent)
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
                *_resource_metrics(node),
                *_model_metrics(run, node),
                *_data_metrics(run, node),
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
            metrics=list(_model_metrics(run, node)),
        )
        if node.artifact("schema"):
            self._tracker.log(parent, dataset=dataset(run))
        # Imported here, with matplotlib, so that every command which delivers later starts fast.
        from huberflow.pipeline.report import files

        with tempfile.TemporaryDirectory() as folder:
            files.write_node(run, node.name, Path(folder))
            self._tracker.attach(parent, Path(folder))
            shutil.copytree(folder, self._files.name, dirs_exist_ok=True)  # for the report
        if node.artifact("model") or node.artifact("exported_model"):
            self._register(run, parent, None)  # the upload need not wait for the run's end

    def _register(self, run: Run, parent: str, alias: Alias | None) -> str | None:
        """Registers the exported model; its name and version, None where there is none."""
        model = exported_model(run, self._origin)
        if model is None:
            return None
        return f"{model.name}/{self._tracker.register(parent, model, alias)}"

    def _close(self, run: Run, parent: str) -> None:
        data = dataset(run) if run.artifact("schema") is None else None  # else logged with it
        if data is not None:
            self._tracker.log(parent, dataset=data)
        model = self._register(run, parent, _alias(run))
        # Last, because MLflow's charts are in the order in which the metrics were logged.
        last_metrics = [
            metric
            for node in run.nodes.values()
            for metric in (
                *_data_metrics(run, node),
                *_resource_metrics(node, f"nodes/{node.name}."),
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


def _masked_run(run: Run) -> Run:
    """The run with its secrets masked; only the paths of its files stay, so that they are found."""
    return replace(
        run,
        name=masked_text(run.name),
        config=masked(run.config),
        metadata=RunMetadata.from_json(masked(run.metadata.to_json())),
        nodes={name: _masked_node(node) for name, node in run.nodes.items()},
    )


def _masked_node(node: Node) -> Node:
    execution = node.execution
    if execution is not None:
        execution = replace(execution, properties=masked(execution.properties))
    return replace(node, execution=execution, cause=node.cause and masked_text(node.cause))


def _revision(run: Run, only: Sequence[str]) -> str:
    """Stands for how far the nodes have gone: those named, or else all."""
    nodes = [run.nodes[name] for name in only or run.nodes]
    states = [[each.name, each.execution and each.execution.id, each.state] for each in nodes]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()[:32]


def _alias(run: Run) -> Alias | None:
    """Champion is a blessed and pushed model; one that was only evaluated is the challenger.

    A push that is reused from an earlier run moves no alias: a later model may serve by now.
    """
    report, pusher = run.report(), run.writer("pushed_model")
    if report is None:
        return None
    if pusher is None or not report.blessed:
        return "challenger"
    return "champion" if pusher.state == "ran" else None


def _resource_metrics(node: Node, prefix: str = "") -> Iterator[MetricValue]:
    """The seconds of a finished node, whether its result was reused, and the resources it used."""
    yield MetricValue(f"{prefix}seconds", node.seconds or 0.0, node.ended)
    yield MetricValue(f"{prefix}cached", float(node.state == "cached"), node.ended)
    for name, value in node.usage.items():
        yield MetricValue(f"{prefix}{name}", value, node.ended)


def _model_metrics(run: Run, node: Node) -> Iterator[MetricValue]:
    """What a node measured of the model: training curves, or metrics over all eval rows."""
    if run.writer("model_run") is node:
        yield from _epoch_metrics(model_epochs(run))
    report = run.report() if run.writer("evaluation") is node else None
    if report is not None:
        groups = {"evaluation": report.overall.candidate, "baseline": report.overall.baseline}
        for group, values in groups.items():
            for key, value in (values or {}).items():
                yield MetricValue(params.shortened(f"{group}/{key}"), value, node.ended)


def _data_metrics(run: Run, node: Node) -> Iterator[MetricValue]:
    """What a node measured of the data: drift and skew of each column."""
    findings = run.findings() if run.writer("anomalies") is node else None
    for shift in findings.shifts if findings else ():
        yield MetricValue(params.shortened(f"{shift.kind}/{shift.column}"), shift.value, node.ended)


def _epoch_metrics(epochs: Sequence[Epoch]) -> Iterator[MetricValue]:
    """The values of each epoch, with its number as the step."""
    for epoch in epochs:
        for name, value in epoch.values.items():
            yield MetricValue(
                params.shortened(f"training/{name}"), value, epoch.ended, epoch.number
            )
