"""The verb that writes the pipeline for an orchestrator that runs on a cluster: compile."""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from huberflow.pipeline.cli.common import (
    WRONG_INPUT,
    config_options,
    own_options,
    resolve_config,
    show_warnings,
    stop,
)
from huberflow.pipeline.system.logs import captured


@click.command("compile")
@click.option(
    "--target", type=click.Choice(["kubeflow"]), required=True, help="Kubeflow Pipelines v2."
)
@click.option(
    "--image",
    required=True,
    help="Container image with Huberflow, as the cluster pulls it; all containers run it.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="pipeline.yaml",
    show_default=True,
    help="The file to write; one that is there is replaced.",
)
@own_options
@config_options
def compile_pipeline(
    target: str,
    image: str,
    output: Path,
    workspace: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
) -> None:
    """Write the pipeline as a spec for a cluster; the same nodes, told the same, as `run` has.

    The section `kubeflow` of the config says where models go there, and what the Trainer gets. The
    spec holds no secret.

    \b
      huberflow compile --target kubeflow --image registry.example/fares:1 \\
        --set kubeflow.volume=models --set tracking.uri=http://mlflow.mlflow:5000
    \b
    With a GPU for the Trainer:
      huberflow compile --target kubeflow --image registry.example/fares:1-gpu \\
        --config my.yaml --set kubeflow.trainer.accelerators=1
    """  # noqa: D301 (click reads the \b)
    if importlib.util.find_spec("kfp") is None:
        stop(
            f"--target {target}: expected the package kfp, received none; "
            "write: uv pip install 'kfp==2.16.*'",
            WRONG_INPUT,
        )
    resolved = resolve_config(workspace, config_file, settings)
    show_warnings(resolved)
    config = resolved.config
    from huberflow.pipeline.kubeflow import spec

    try:
        spec.refuse(config)
        with _quiet():
            from huberflow.pipeline.resolve.resolved_run import resolve

            text = spec.compiled(resolve(resolved), image)
        spec.write(text, output)
    except spec.SpecError as error:
        stop(str(error), WRONG_INPUT)
    click.echo(output)
    click.echo(f"next: kfp run create --experiment-name {config.name} --package-file {output}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what libraries say while they are imported."""
    with tempfile.TemporaryDirectory() as folder, captured(Path(folder, "log"), verbose=False):
        yield
