"""Writes the pipeline as a spec of Kubeflow Pipelines v2."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from huberflow.components.contracts import node_ids
from huberflow.custom_objects.input_error import InputError, InputErrors
from huberflow.pipeline.beam import beam_target
from huberflow.pipeline.config import Config
from huberflow.pipeline.config.dotted_keys import flatten
from huberflow.pipeline.history import git, run_metadata
from huberflow.pipeline.history.run_history import RunMetadata
from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.kubeflow.step import TAXI
from huberflow.pipeline.objects import config_objects
from huberflow.pipeline.resolve.resolved_run import ResolvedRun
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.masking import masked, masked_text

if TYPE_CHECKING:
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig
    from tfx.orchestration.pipeline import Pipeline

COMMAND = ["python", "-m", "huberflow.pipeline.kubeflow.step"]

_RUN_ID = "{{$.pipeline_job_uuid}}"
"""Kubeflow replaces it by the run's id where it is the whole value of a parameter."""

_TRACKING_URI = "MLFLOW_TRACKING_URI"
"""The tracking server's address: the key in a Kubernetes secret, and MLflow's variable."""

MAX_PARAMETER_BYTES = 96 * 2**10
"""All parameters of a container are one argument, of which Linux takes 128 KiB; Kubeflow adds the
addresses and properties of artifacts to it."""

_ON_VOLUME = (node_ids.EXAMPLE_GEN, node_ids.SCHEMA_GEN, node_ids.BASELINE, node_ids.PUSHER)


def check_for_cluster(config: Config) -> None:
    """Refuses a config that would fail on the cluster, or show a secret there.

    Raises:
      InputErrors: it would.
    """
    if errors := [*_missing(config), *_secrets(config), *_signing(config)]:
        raise InputErrors(errors)


def _missing(config: Config) -> Iterator[InputError]:
    cluster, tracking = config.kubeflow, config.tracking
    needed = {"volume": ("the PersistentVolumeClaim for the models that serve", "models")}
    if config.data.paths():
        expected = "the folder in which containers have your rows"
        needed["data"] = (expected, f"{cluster.mount}/data")
    if config.data.pinned_schema is not None:
        expected = "the path at which containers have the file of data.schema"
        needed["schema_file"] = (expected, f"{cluster.mount}/schema.pbtxt")
    for name, (expected, example) in needed.items():
        if getattr(cluster, name) is None:
            key = f"kubeflow.{name}"
            write = f"--set {key}={example}"
            yield InputError(key, expected=expected, received="none", write=write)
    is_server = (tracking.uri or "").startswith(("http://", "https://"))
    if tracking.enabled and not is_server and cluster.tracking_from is None:
        yield InputError(
            "tracking.uri",
            expected="an MLflow server that the cluster reaches",
            received=masked_text(tracking.uri or "none"),
            write="--set tracking.uri=http://mlflow.mlflow:5000, or --set tracking.enabled=false",
        )


def _secrets(config: Config) -> Iterator[InputError]:
    for key, value in flatten(config.plain()).items():
        if not isinstance(value, str) or masked_text(value) == value:
            continue
        hint, write = "leave the password out", None
        if key == "tracking.uri":
            hint = f"put it into a Kubernetes secret, under the key {_TRACKING_URI}"
            write = "--set tracking.uri=null --set kubeflow.tracking_from=NAME-OF-THE-SECRET"
        yield InputError(
            key,
            expected="no password, because many can read a spec",
            received=masked_text(value),
            hint=hint,
            write=write,
        )


def _signing(config: Config) -> Iterator[InputError]:
    if config.export.signing.method is not None:
        yield InputError(
            "export.signing.method",
            expected="null: a key stays on its machine, and no container gets it",
            received=config.export.signing.method,
            hint="sign the pushed model where the key is: huberflow sign MODEL --private-key FILE",
        )


def compile_spec(run: ResolvedRun, image: str) -> str:
    """The spec as YAML: the pipeline, and what Kubernetes adds to its containers.

    Args:
      run: resolved; ``check_for_cluster`` accepts its config.
      image: the image of all containers; see ``docker/pipeline.Dockerfile``.

    Raises:
      InputError: a container would get more parameters than fit into one argument.
    """
    from kfp import components
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

    config = run.config
    runner = kubeflow.KubeflowV2DagRunner(
        kubeflow.KubeflowV2DagRunnerConfig(
            default_image=image, default_commands=COMMAND, use_pipeline_spec_2_1=True
        )
    )
    job = runner.run(_pipeline(run), write_out=False)
    spec = job["pipelineSpec"]
    for executor in spec["deploymentSpec"]["executors"].values():
        # A check of the data before a step, which only a cache uses.
        executor["container"].pop("lifecycle", None)
    _check_sizes(spec["root"]["dag"]["tasks"])
    if config.kubeflow.pipeline_root is not None:
        spec["defaultPipelineRoot"] = config.kubeflow.pipeline_root
    text = yaml.safe_dump_all([spec, _platform(config)], sort_keys=True)
    components.load_component_from_text(text)  # raises where Kubeflow would refuse the spec
    return text


def _check_sizes(tasks: Mapping[str, Any]) -> None:
    for node, task in tasks.items():
        inputs = task.get("inputs", {}).get("parameters", {})
        parameters = {key: value["runtimeValue"]["constant"] for key, value in inputs.items()}
        size = len(json.dumps(parameters))
        if size <= MAX_PARAMETER_BYTES:
            continue
        hint = "name fewer columns in features"
        config = json.loads(parameters.get("custom_config", "null")) or {}
        if objects := config.get("objects"):
            hint = (
                f"the packed files of objects take {len(objects['sources']):,} of them; install "
                "what these import as a package in the image, and leave the rest in objects"
            )
        raise InputError(
            node,
            expected=f"parameters of at most {MAX_PARAMETER_BYTES:,} bytes, the longest argument "
            "of a container",
            received=f"{size:,}",
            hint=hint,
        )


def write(text: str, path: Path) -> None:
    """Writes a file, whole or not at all.

    Raises:
      InputError: it cannot be written.
    """
    try:
        with written_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            "--output",
            expected="a file that can be written",
            received=f"{path} ({error.strerror})",
            write="--output pipeline.yaml",
        ) from error


def _pipeline(run: ResolvedRun) -> "Pipeline":
    from tfx.orchestration.pipeline import Pipeline

    from huberflow.components.export.pusher import LastPushed
    from huberflow.pipeline.dag import graph
    from huberflow.pipeline.kubeflow.track_run import track_run

    config, cluster = run.config, run.config.kubeflow
    serving = Workspace(cluster.mount).serving(config.name)
    state = git.state(Path.cwd())
    facts = RunMetadata(changes=run.changes, command=run_metadata.command(), git=state)
    run_parameters = {"run_id": _RUN_ID, "run_metadata": json.dumps(masked(facts.to_json()))}
    platform = graph.Platform(
        objects=config_objects.embed(run.objects) if run.objects else None,
        make_baseline=lambda candidate: LastPushed(serving=str(serving)).with_id(node_ids.BASELINE),
        make_earlier_data=None,
        serving=serving,
        data=cluster.data if config.data.paths() else TAXI,
        schema=cluster.schema_file,
        run_parameters=run_parameters,
    )
    nodes = graph.create_nodes(config, platform)
    by_id = {node.id: node for node in nodes}
    by_id[node_ids.TRAINER].with_platform_config(_resources(config))
    if config.tracking.enabled:
        title = masked_text(run_metadata.title(config, run.changes))
        plain = json.dumps(config.plain())
        nodes.append(track_run(by_id, config=plain, title=title, **run_parameters))
    return Pipeline(
        # Kubeflow's names have neither upper case nor underscores.
        pipeline_name=config.name.lower().replace("_", "-"),
        pipeline_root=cluster.pipeline_root or "",
        components=nodes,
        beam_pipeline_args=list(beam_target.in_process_arguments()),
        # Kubeflow's cache sees neither new rows at the same path nor a newly pushed model.
        enable_cache=False,
    )


def _resources(config: Config) -> "PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec":
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineDeploymentConfig

    trainer = config.kubeflow.trainer
    spec = PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec(
        cpu_limit=trainer.cpu or 0, memory_limit=trainer.memory_gb or 0
    )
    if trainer.accelerators:
        spec.accelerator.type, spec.accelerator.count = trainer.accelerator, trainer.accelerators
    return spec


def _platform(config: Config) -> dict[str, Any]:
    """The volume, and the secret of the last step.

    The package kfp-kubernetes writes the same, but only into tasks of kfp's own compiler, and
    TFX's makes none.
    """
    cluster = config.kubeflow
    mount = {
        "mountPath": str(cluster.mount),
        # The name twice, as kfp-kubernetes does: older clusters read the first alone.
        "constant": cluster.volume,
        "pvcNameParameter": _constant(cluster.volume),
    }
    executors: dict[str, Any] = {f"{node}_executor": {"pvcMount": [mount]} for node in _ON_VOLUME}
    if config.tracking.enabled and cluster.tracking_from is not None:
        secret = {
            "keyToEnv": [{"secretKey": _TRACKING_URI, "envVar": _TRACKING_URI}],
            "secretName": cluster.tracking_from,
            "secretNameParameter": _constant(cluster.tracking_from),
        }
        executors["TrackRun_executor"] = {"secretAsEnv": [secret]}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _constant(text: str | None) -> dict[str, Any]:
    return {"runtimeValue": {"constant": text}}
