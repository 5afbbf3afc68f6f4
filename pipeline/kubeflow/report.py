"""The last step on a cluster: tells the tracking server what the others did.

It knows of the run what its inputs say: each node's output, with the note that ``step`` put there.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from huberflow.components.contracts import node_ids
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.metadata_store import Artifact, Execution, State, parsed, values
from huberflow.pipeline.history.run_history import Node, Run, RunMetadata
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.kubeflow.step import CLUSTER, NOTE
from huberflow.pipeline.tracking.mirror import Mirror
from huberflow.pipeline.tracking.store import connect

SOURCES: Mapping[str, tuple[str, Any]] = {
    "examples": (node_ids.EXAMPLE_GEN, standard_artifacts.Examples),
    "statistics": (node_ids.STATISTICS_GEN, standard_artifacts.ExampleStatistics),
    "schema": (node_ids.SCHEMA_GEN, standard_artifacts.Schema),
    "anomalies": (node_ids.EXAMPLE_VALIDATOR, standard_artifacts.ExampleAnomalies),
    "transform_graph": (node_ids.TRANSFORM, standard_artifacts.TransformGraph),
    "model_run": (node_ids.TRAINER, standard_artifacts.ModelRun),
    "model": (node_ids.BASELINE, standard_artifacts.Model),
    "evaluation": (node_ids.EVALUATOR, standard_artifacts.ModelEvaluation),
    "exported_model": (node_ids.SERVING_EXPORT, standard_artifacts.Model),
    "pushed_model": (node_ids.PUSHER, standard_artifacts.PushedModel),
}
"""One output of each node, by its key: which node, and its type."""


class Executor(base_executor.BaseExecutor):
    """Delivers the run as ``huberflow run`` does."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Delivers all of the run; again, it changes nothing.

        Raises:
          TrackingError: the server cannot be reached, or refuses.
          UndeliverableError: an artifact is gone or damaged.
        """
        run = finished_run(input_dict, exec_properties)
        # From the secret, if the config has none.
        uri = run.config["tracking"]["uri"] or os.environ["MLFLOW_TRACKING_URI"]
        with tempfile.TemporaryDirectory() as folder:
            Mirror(connect(uri, Workspace(Path(folder))), CLUSTER).update(run)


def finished_run(inputs: Mapping[str, list[types.Artifact]], told: Mapping[str, Any]) -> Run:
    """The run whose nodes wrote these artifacts, as a journal would tell of it.

    Args:
      inputs: by the keys of ``SOURCES``.
      told: ``run_id``, ``config`` and ``facts``.
    """
    found = [_node(told["run_id"], key, artifacts) for key, artifacts in inputs.items()]
    nodes = sorted(found, key=lambda node: node.started)
    config, known = json.loads(told["config"]), json.loads(told["facts"])
    title = known.pop("title")
    started = datetime.fromtimestamp(nodes[0].started, UTC)
    return Run(
        id=told["run_id"],
        name=config["tracking"]["run_name"] or f"{title} {started:%m-%d %H:%M:%S}",
        started=nodes[0].started,
        status="done",
        ended=time.time(),
        config=config,
        metadata=RunMetadata.from_json({**known, "versions": run_metadata.versions()}),
        nodes={node.name: node for node in nodes},
    )


def _node(run_id: str, key: str, artifacts: list[types.Artifact]) -> Node:
    artifact = artifact_utils.get_single_instance(artifacts)
    name, _ = SOURCES[key]
    state: State = "resolved" if name == node_ids.BASELINE else "ran"
    properties = values(artifact.mlmd_artifact)
    note = parsed(properties.pop(NOTE))  # Kubeflow hands it on wrapped, as text.
    output = Artifact(_number(artifact.uri), Path(artifact.uri), properties)
    execution = Execution(
        id=_number(f"{run_id}/{name}"),
        node=name,
        run=run_id,
        state=state,
        properties={told: parsed(value) for told, value in note["properties"].items()},
        inputs={},
        outputs={key: (output,)},
    )
    return Node(name, state, note["started"], note["seconds"], execution, note["usage"])


def _number(name: str) -> int:
    """Stands for an id in ML Metadata, of which a cluster's containers see none."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16)


class ReportSpec(types.ComponentSpec):
    """An output of every node in, nothing out."""

    PARAMETERS = {  # noqa: RUF012 (TFX's attribute)
        "config": ExecutionParameter(type=str),
        "run_id": ExecutionParameter(type=str),
        "facts": ExecutionParameter(type=str),
    }
    INPUTS = {key: ChannelParameter(type=kind) for key, (_, kind) in SOURCES.items()}  # noqa: RUF012
    OUTPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012


class Report(base_component.BaseComponent):
    """Delivers a run to the tracking server, from inside the cluster, without a metadata store.

    Args:
      nodes: all others, by id.
      config: the whole config, as JSON; without secrets, for it stands in the spec.
      run_id: of the run; Kubeflow fills it in.
      facts: what is known of the run beside its config, as JSON.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, nodes: Mapping[str, Any], *, config: str, run_id: str, facts: str) -> None:
        channels = {key: nodes[name].outputs[key] for key, (name, _) in SOURCES.items()}
        super().__init__(spec=ReportSpec(config=config, run_id=run_id, facts=facts, **channels))
