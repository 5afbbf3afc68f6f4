"""The last step on a cluster: delivers the run to the tracking server.

A container has no metadata store: the step reads the run from its inputs, which are an output of
each node, with the record that ``step`` added to it.
"""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from tfx import types
from tfx.dsl.component.experimental.component_utils import create_tfx_component_class
from tfx.dsl.components.base import base_executor, base_node, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from huberflow.components.contracts import node_ids
from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.history import run_metadata
from huberflow.pipeline.history.metadata_store import (
    Artifact,
    Execution,
    NodeState,
    parse_property,
    properties_of,
)
from huberflow.pipeline.history.run_history import Node, Run, RunMetadata
from huberflow.pipeline.kubeflow.step import (
    CLUSTER,
    RUN_PARAMETERS,
    STEP_RECORD,
    StepRecord,
)
from huberflow.pipeline.tracking.mirror import Mirror
from huberflow.pipeline.tracking.store import connect

SOURCES: Mapping[str, tuple[str, type[types.Artifact]]] = {
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
"""The node and the type of each input, which is one output of that node."""


class Executor(base_executor.BaseExecutor):
    """Delivers the run as ``huberflow run`` does."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, str],
    ) -> None:
        """Delivers all of the run; again, it changes nothing.

        Raises:
          TrackingError: the server cannot be reached, or refuses.
          UndeliverableError: an artifact is gone or damaged.
        """
        run = finished_run(input_dict, exec_properties)
        # Without an address in the config, the variable has the one from the secret.
        uri = run.config["tracking"]["uri"] or os.environ["MLFLOW_TRACKING_URI"]
        Mirror(connect(uri), CLUSTER).update(run)


def finished_run(inputs: Mapping[str, list[types.Artifact]], parameters: Mapping[str, str]) -> Run:
    """The run whose nodes wrote these artifacts, as its journal would have it.

    Args:
      inputs: by the keys of ``SOURCES``.
      parameters: those of ``track_run``.
    """
    nodes = sorted(
        (_node(parameters["run_id"], key, *artifacts) for key, artifacts in inputs.items()),
        key=lambda node: node.started,
    )
    config = json.loads(parameters["config"])
    metadata = RunMetadata.from_text(parameters["run_metadata"])
    started = datetime.fromtimestamp(nodes[0].started, UTC)
    return Run(
        id=parameters["run_id"],
        name=config["tracking"]["run_name"] or f"{parameters['title']} {started:%m-%d %H:%M:%S}",
        experiment=config["tracking"]["experiment"] or config["name"],
        started=nodes[0].started,
        status="done",
        ended=time.time(),
        config=config,
        metadata=replace(metadata, versions=run_metadata.versions()),
        nodes={node.name: node for node in nodes},
    )


def _node(run_id: str, key: str, artifact: types.Artifact) -> Node:
    name, _ = SOURCES[key]
    state: NodeState = "resolved" if name == node_ids.BASELINE else "ran"
    properties = properties_of(artifact.mlmd_artifact)
    # Kubeflow passes it on as text, or wrapped in a struct.
    record = StepRecord.from_json(
        cast(Mapping[str, JSON], parse_property(properties.pop(STEP_RECORD)))
    )
    output = Artifact(_number(artifact.uri), Path(artifact.uri), properties)
    execution = Execution(
        id=_number(f"{run_id}/{name}"),
        node=name,
        run=run_id,
        state=state,
        properties={
            property: parse_property(value) for property, value in record.properties.items()
        },
        inputs={},
        outputs={key: (output,)},
    )
    return Node(name, state, record.started, record.seconds, execution, record.usage)


def _number(name: str) -> int:
    """In place of an id in ML Metadata, which a cluster's containers do not see."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:12], 16)


TrackRun = create_tfx_component_class(
    "TrackRun",
    executor_spec.ExecutorClassSpec(Executor),
    input_channel_parameters={
        key: ChannelParameter(type=kind) for key, (_, kind) in SOURCES.items()
    },
    execution_parameters={
        name: ExecutionParameter(type=str) for name in ("config", *RUN_PARAMETERS)
    },
)
"""The component: an output of every node in, nothing out."""


def track_run(nodes: Mapping[str, base_node.BaseNode], **parameters: str) -> base_node.BaseNode:
    """The node that delivers a run to the tracking server, from inside the cluster.

    Args:
      nodes: all other nodes, by id.
      parameters: ``config``, the whole config as JSON, without secrets; ``run_id``, which Kubeflow
        fills in; ``title``, the run's name without its time; ``run_metadata``, as JSON.
    """
    channels = {key: nodes[name].outputs[key] for key, (name, _) in SOURCES.items()}
    return TrackRun(**channels, **parameters)
