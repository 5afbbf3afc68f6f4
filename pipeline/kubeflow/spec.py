"""Writes the pipeline as a spec of Kubeflow Pipelines v2."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from huberflow.components.contracts import node_ids
from huberflow.pipeline.beam import beam_target
from huberflow.pipeline.config import Config
from huberflow.pipeline.config.dotted_keys import flatten
from huberflow.pipeline.history import git, run_metadata
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.kubeflow.step import TAXI
from huberflow.pipeline.objects import chosen_objects
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.masking import masked, masked_text

COMMAND = ["python", "-m", "huberflow.pipeline.kubeflow.step"]

_RUN_ID = "{{$.pipeline_job_uuid}}"
"""Kubeflow puts the run's id in its place, where it is all of a parameter."""

_ADDRESS = "MLFLOW_TRACKING_URI"
"""Of the tracking server: the key in a secret, and the variable that MLflow knows."""

LONGEST = 96 * 2**10
"""Bytes of a container's parameters: they are one argument, of which Linux takes 128 KiB; Kubeflow
adds the addresses of artifacts to it, and what their steps noted."""

_ON_VOLUME = (node_ids.EXAMPLE_GEN, node_ids.SCHEMA_GEN, node_ids.BASELINE, node_ids.PUSHER)


class SpecError(Exception):
    """No spec can be written for this config; each line says what and what to write instead."""


def refuse(config: Config) -> None:
    """Looks for what would fail on the cluster, or show there.

    Raises:
      SpecError: something would.
    """
    if mistakes := [*_lacks(config), *_secrets(config)]:
        raise SpecError("\n".join(mistakes))


def _lacks(config: Config) -> Iterator[str]:
    cluster, tracking = config.kubeflow, config.tracking
    if cluster.volume is None:
        yield (
            "kubeflow.volume: expected the PersistentVolumeClaim for the models that serve, "
            "received none; write, for example: --set kubeflow.volume=models"
        )
    if config.data.paths() and cluster.data is None:
        yield (
            "kubeflow.data: expected the folder where containers find your rows, received none; "
            f"write, for example: --set kubeflow.data={cluster.mount}/data"
        )
    if config.data.pinned_schema is not None and cluster.schema_file is None:
        yield (
            "kubeflow.schema_file: expected where containers find the file of data.schema, "
            "received none; write, for example: "
            f"--set kubeflow.schema_file={cluster.mount}/schema.pbtxt"
        )
    is_server = (tracking.uri or "").startswith(("http://", "https://"))
    if tracking.enabled and not is_server and cluster.tracking_from is None:
        yield (
            "tracking.uri: expected an MLflow server that the cluster reaches, received "
            f"{masked_text(tracking.uri or 'none')}; write, for example: "
            "--set tracking.uri=http://mlflow.mlflow:5000, or --set tracking.enabled=false"
        )


def _secrets(config: Config) -> Iterator[str]:
    for key, value in flatten(config.plain()).items():
        if isinstance(value, str) and masked_text(value) != value:
            instead = "write it without"
            if key == "tracking.uri":
                instead = (
                    f"put it into a Kubernetes secret, under the key {_ADDRESS}, and write: "
                    "--set tracking.uri=null --set kubeflow.tracking_from=NAME-OF-THE-SECRET"
                )
            yield (
                f"{key}: expected no password, for many read a spec, received "
                f"{masked_text(value)!r}; {instead}"
            )


def compiled(run: ResolvedRun, image: str) -> str:
    """The spec as YAML: the pipeline, and what Kubernetes adds to its containers.

    Args:
      run: resolved.
      image: that all containers run; see ``docker/pipeline.Dockerfile``.

    Raises:
      SpecError: see ``refuse``, or a container would be told more than fits into an argument.
    """
    from kfp import components
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

    config = run.config
    refuse(config)
    told = kubeflow.KubeflowV2DagRunnerConfig(
        default_image=image, default_commands=COMMAND, use_pipeline_spec_2_1=True
    )
    job = kubeflow.KubeflowV2DagRunner(told).run(_pipeline(run), write_out=False)
    spec = job["pipelineSpec"]
    for executor in spec["deploymentSpec"]["executors"].values():
        # Of use to a cache alone: asks before a step how the data are.
        executor["container"].pop("lifecycle", None)
    _refuse_long(spec["root"]["dag"]["tasks"])
    if config.kubeflow.pipeline_root is not None:
        spec["defaultPipelineRoot"] = config.kubeflow.pipeline_root
    text = yaml.safe_dump_all([spec, _platform(config)], sort_keys=True)
    components.load_component_from_text(text)  # refuses what Kubeflow would
    return text


def _refuse_long(tasks: dict[str, Any]) -> None:
    for node, task in tasks.items():
        parameters = task.get("inputs", {}).get("parameters", {})
        told = {key: value["runtimeValue"]["constant"] for key, value in parameters.items()}
        size = len(json.dumps(told))
        if size <= LONGEST:
            continue
        instead = "name fewer columns in features"
        config = json.loads(told.get("custom_config", "null")) or {}
        if objects := config.get("objects"):
            instead = (
                f"of them the files of objects, packed, take {len(objects['sources']):,}; install "
                "what these import as a package in the image, and leave the rest in objects"
            )
        raise SpecError(
            f"{node}: expected parameters of at most {LONGEST:,} bytes, as they are one argument "
            f"of its container, received {size:,}; {instead}"
        )


def write(text: str, path: Path) -> None:
    """Makes ``text`` the content of a file, whole or not at all.

    Raises:
      SpecError: it cannot be written.
    """
    try:
        with written_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"--output: expected a file that can be written, received {path} ({error.strerror}); "
            "write, for example: --output pipeline.yaml"
        ) from error


def _pipeline(run: ResolvedRun) -> Any:
    from tfx.orchestration import pipeline as tfx_pipeline

    from huberflow.components.export.last_pushed import LastPushed
    from huberflow.pipeline.dag import graph
    from huberflow.pipeline.kubeflow.report import Report

    config, cluster = run.config, run.config.kubeflow
    serving = Workspace(cluster.mount).serving(config.name)
    of_run = {"run_id": _RUN_ID, "facts": json.dumps(_facts(run))}
    around = graph.Surroundings(
        objects=chosen_objects.embed(run.objects) if run.objects else None,
        find_baseline=lambda candidate: LastPushed(str(serving)).with_id(node_ids.BASELINE),
        find_earlier=None,
        serving=serving,
        data=cluster.data if config.data.paths() else TAXI,
        schema=cluster.schema_file,
        of_run=of_run,
    )
    nodes = graph.create_nodes(config, around)
    by_id = {node.id: node for node in nodes}
    by_id[node_ids.TRAINER].with_platform_config(_resources(config))
    if config.tracking.enabled:
        nodes.append(Report(by_id, config=json.dumps(config.plain()), **of_run))
    return tfx_pipeline.Pipeline(
        # Kubeflow's names are of lower case, and know no underscore.
        pipeline_name=config.name.lower().replace("_", "-"),
        pipeline_root=cluster.pipeline_root or "",
        components=nodes,
        beam_pipeline_args=list(beam_target.in_process_arguments()),
        # Kubeflow's cache would see neither new rows below the same path nor what serves by now.
        enable_cache=False,
    )


def _facts(run: ResolvedRun) -> dict[str, Any]:
    found = git.state(Path.cwd())
    return masked(
        {
            "title": run_metadata.title(run.config, run.changes),
            "changes": dict(run.changes),
            "command": run_metadata.command(),
            "git": found and found.to_json(),
        }
    )


def _resources(config: Config) -> Any:
    from kfp.pipeline_spec import pipeline_spec_pb2

    asked = config.kubeflow.trainer
    found = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec(
        cpu_limit=asked.cpu or 0, memory_limit=asked.memory_gb or 0
    )
    if asked.accelerators:
        found.accelerator.type, found.accelerator.count = asked.accelerator, asked.accelerators
    return found


def _platform(config: Config) -> dict[str, Any]:
    """What ``kfp.kubernetes`` would write: the volume, and the secret of the last step."""
    cluster = config.kubeflow
    executors: dict[str, Any] = {
        f"{node}_executor": {
            "pvcMount": [
                {
                    "mountPath": str(cluster.mount),
                    # The name twice, as kfp writes it: older clusters know the first form alone.
                    "constant": cluster.volume,
                    "pvcNameParameter": _constant(cluster.volume),
                }
            ]
        }
        for node in _ON_VOLUME
    }
    if config.tracking.enabled and cluster.tracking_from is not None:
        secret = {
            "keyToEnv": [{"secretKey": _ADDRESS, "envVar": _ADDRESS}],
            "secretName": cluster.tracking_from,
            "secretNameParameter": _constant(cluster.tracking_from),
        }
        executors["Report_executor"] = {"secretAsEnv": [secret]}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _constant(text: str | None) -> dict[str, Any]:
    return {"runtimeValue": {"constant": text}}
