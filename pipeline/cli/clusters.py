"""The verb that writes the pipeline for an orchestrator on a cluster: compile."""

import importlib.util
import shlex
from pathlib import Path

import click

from huberflow.pipeline.cli.common import Options, config_options, own_options, show_warnings
from huberflow.pipeline.system.logs import quiet


@click.command("compile")
@click.option(
    "--target",
    type=click.Choice(["kubeflow"]),
    required=True,
    help="The orchestrator: Kubeflow Pipelines v2.",
)
@click.option(
    "--image",
    required=True,
    help="Container image with huberflow: the name under which the cluster can pull it.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="pipeline.yaml",
    show_default=True,
    help="File to write; an existing file is replaced.",
)
@own_options
@config_options
def compile_pipeline(target: str, image: str, output: Path, options: Options) -> None:
    """Write the pipeline as a spec for a cluster.

    The spec has the same nodes and the same config as `run`, and contains no secret. The section
    `kubeflow` of the config has the settings of the cluster, such as the volume for models and the
    resources of the Trainer.

    \b
      huberflow compile --target kubeflow --image registry.example/fares:1 \\
        --set kubeflow.volume=models --set tracking.uri=http://mlflow.mlflow:5000
    \b
    With a GPU for the Trainer:
      huberflow compile --target kubeflow --image registry.example/fares:1-gpu \\
        --config my.yaml --set kubeflow.trainer.accelerators=1
    """  # noqa: D301 (click reads the \b)
    if importlib.util.find_spec("kfp") is None:  # known before the data are read
        raise ModuleNotFoundError("No module named 'kfp'", name="kfp")
    resolved = options.resolve()
    show_warnings(resolved)
    config = resolved.config
    from huberflow.pipeline.kubeflow import spec

    spec.check_for_cluster(config)
    with quiet():
        from huberflow.pipeline.resolve.resolved_run import resolve

        text = spec.compile_spec(resolve(resolved), image)
    spec.write(text, output)
    click.echo(output)
    files = ["--experiment-name", config.name, "--package-file", str(output)]
    click.echo(f"next: {shlex.join(['kfp', 'run', 'create', *files])}")
