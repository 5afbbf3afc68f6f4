"""The tracker for MLflow. Importing it takes seconds, so import it late.

It uses one explicit client: MLflow's global run, experiment and server, and the environment
variables that name them, have no influence.
"""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import (
    DatasetInput,
    InputTag,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from mlflow.types.schema import ColSpec, Schema
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.mlflow_client import (
    already_exists,
    create_client,
    explained,
    is_server,
)
from huberflow.pipeline.tracking.mlflow_models import KEY, move_alias, register_model
from huberflow.pipeline.tracking.tag_names import OF_FAILURES
from huberflow.pipeline.tracking.tracker import (
    Alias,
    Dataset,
    ExportedModel,
    MetricValue,
    NewRun,
    Outcome,
    Tracked,
    TrackingError,
)

REVISION = "huberflow.revision"
"""Tag of a closed run with its ``NewRun.revision``."""


class MlflowTracker:
    """Tracks runs in an MLflow server or database.

    MLflow stores an infinite metric as the largest finite number; NaN stays NaN.

    Args:
      uri: ``http://...``, or a database such as ``sqlite:////folder/mlflow.db``.
      artifacts: the folder for artifacts of new experiments; a server chooses its own.
    """

    def __init__(self, uri: str, artifacts: Path | None = None) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._experiments: dict[str, str] = {}
        self._families: dict[tuple[str, str], dict[str, str]] = {}
        self._closed: set[str] = set()
        self._revisions: dict[str, str | None] = {}

    def open_run(self, run: NewRun) -> Tracked:
        """See ``Tracker``; a run that was deleted in MLflow counts as closed."""
        with explained(self._uri, f"open the run {run.name}"):
            experiment = self._experiment(run)
            head = "/".join(run.key.split("/")[:2])
            family = self._families.pop((experiment, head), None)
            if family is None:
                family = self._find(experiment, head)
            if run.key not in family:
                family[run.key] = self._create(run, experiment)
            # Only now: where a create fails, the run may exist all the same.
            self._families[experiment, head] = family
            run_id = family[run.key]
            if run.revision not in (None, self._revisions.get(run_id, run.revision)):
                self._reopen(run_id)
            self._revisions[run_id] = run.revision
            return Tracked(run_id, experiment, closed=run_id in self._closed)

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Sequence[MetricValue] = (),
        tags: Mapping[str, str] | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        """See ``Tracker``; of equal params, metrics or datasets MLflow keeps one."""
        with explained(self._uri, f"log to the run {run_id}"):
            self._client.log_batch(
                run_id,
                metrics=[Metric(p.key, p.value, _ms(p.time), p.step) for p in metrics],
                params=[Param(key, value) for key, value in (params or {}).items()],
                tags=[RunTag(key, value) for key, value in (tags or {}).items()],
                synchronous=True,
            )
            if dataset:
                self._client.log_inputs(run_id, datasets=[_input(dataset)])

    def attach(self, run_id: str, folder: Path) -> None:
        """See ``Tracker``."""
        with explained(self._uri, f"upload {folder}"):
            self._client.log_artifacts(run_id, str(folder))

    def register(self, run_id: str, model: ExportedModel, alias: Alias | None) -> str:
        """See ``Tracker``; a version has one alias at most."""
        with explained(self._uri, f"register the model {model.name}"):
            version = register_model(self._client, run_id, model)
            if alias:
                move_alias(self._client, model.name, version, alias)
            return version

    def close_run(self, run_id: str, outcome: Outcome, ended: float) -> None:
        """See ``Tracker``; an ended run keeps its outcome, unless it has a revision."""
        with explained(self._uri, f"close the run {run_id}"):
            kept = self._client.get_run(run_id)
            if not _has_ended(kept) or REVISION in kept.data.tags:
                if revision := self._revisions.get(run_id):
                    self._client.set_tag(run_id, REVISION, revision)
                elif REVISION in kept.data.tags:
                    self._client.delete_tag(run_id, REVISION)
                self._client.set_terminated(run_id, outcome.upper(), _ms(ended))
            self._closed.add(run_id)

    def _reopen(self, run_id: str) -> None:
        """Opens an ended run again, without the causes of failures that may be over."""
        for tag in self._client.get_run(run_id).data.tags.keys() & OF_FAILURES:
            self._client.delete_tag(run_id, tag)
        self._client.update_run(run_id, "RUNNING")
        self._closed.discard(run_id)

    @cached_property
    def _client(self) -> MlflowClient:
        return create_client(self._uri)

    def _experiment(self, run: NewRun) -> str:
        name = run.experiment
        if name not in self._experiments:
            self._experiments[name] = self._find_experiment(name) or self._create_experiment(run)
        return self._experiments[name]

    def _find_experiment(self, name: str) -> str | None:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            return None
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            wrong = InputError(
                "tracking.experiment",
                expected="an experiment that is not deleted",
                received=repr(name),
                hint="choose another one: --set tracking.experiment=another, or restore it",
                write=f"MLFLOW_TRACKING_URI={shlex.quote(masked_text(self._uri))} "
                f"mlflow experiments restore --experiment-id {experiment.experiment_id}",
            )
            raise TrackingError(str(wrong))
        return experiment.experiment_id

    def _create_experiment(self, run: NewRun) -> str:
        name, tags = run.experiment, dict(run.experiment_tags)
        try:
            return self._client.create_experiment(name, self._artifact_location(name), tags)
        except MlflowException as error:
            existing = already_exists(error) and self._find_experiment(name)
            if not existing:
                raise
            return existing

    def _artifact_location(self, experiment: str) -> str | None:
        """A folder for each experiment, under a safe name; a server chooses its own."""
        if is_server(self._uri) or self._artifacts is None:
            return None
        return (self._artifacts / re.sub(r"[^\w-]", "_", experiment)).absolute().as_uri()

    def _find(self, experiment: str, head: str) -> dict[str, str]:
        """The ids of a run and its nodes by key, in one request.

        A key has several runs where a create was repeated because its answer was lost, or where two
        processes created it at once. All but one are deleted, with their nodes.
        """
        family: dict[str, str] = {}
        runs = self._client.search_runs([experiment], f"tags.`{KEY}` LIKE '{head}%'", ViewType.ALL)
        for run in sorted(runs, key=_order):
            key, parent = run.data.tags[KEY], run.data.tags.get(MLFLOW_PARENT_RUN_ID)
            if not f"{key}/".startswith(f"{head}/"):
                continue  # another run, whose key begins alike
            if key not in family and (key == head or parent == family.get(head)):
                family[key] = run.info.run_id
                if _has_ended(run) or _is_deleted(run):
                    self._closed.add(run.info.run_id)
                if REVISION in run.data.tags and not _is_deleted(run):
                    self._revisions[run.info.run_id] = run.data.tags[REVISION]
            elif not _is_deleted(run):
                self._client.delete_run(run.info.run_id)
        return family

    def _create(self, run: NewRun, experiment: str) -> str:
        above = {MLFLOW_PARENT_RUN_ID: run.parent} if run.parent else {}
        created = self._client.create_run(
            experiment,
            start_time=_ms(run.started),
            tags={**run.tags, **above, KEY: run.key},
            run_name=run.name,
        )
        return created.info.run_id


def _input(dataset: Dataset) -> DatasetInput:
    schema = None  # MLflow refuses one without columns, which are not known before SchemaGen ended
    if dataset.columns:
        columns = Schema([ColSpec(kind, name) for name, kind in dataset.columns.items()])
        schema = json.dumps({"mlflow_colspec": columns.to_dict()})
    return DatasetInput(
        MlflowDataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type=urlsplit(dataset.source).scheme or "local",
            source=json.dumps({"uri": dataset.source}),
            schema=schema,
            profile=json.dumps({"num_rows": sum(dataset.rows.values()), **dataset.rows}),
        ),
        [InputTag(MLFLOW_DATASET_CONTEXT, "training")],
    )


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _is_deleted(run: Run) -> bool:
    return run.info.lifecycle_stage == LifecycleStage.DELETED


def _has_ended(run: Run) -> bool:
    return RunStatus.is_terminated(RunStatus.from_string(run.info.status))


def _order(run: Run) -> tuple[str, bool, bool, str]:
    """Sorts the runs of a key: delivered ones first, deleted ones last, then by id."""
    return run.data.tags[KEY], _is_deleted(run), not _has_ended(run), run.info.run_id
