"""The command line: parse, merge, validate, run. Every verb imports only what it needs."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

# TFT, TFMA and MLflow look at tf.keras; before TensorFlow is imported, here and in subprocesses.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

FAILED, WRONG_INPUT, NOT_BLESSED, INTERRUPTED = 1, 2, 3, 130


def _config_options(command: Any) -> Any:
    for option in (
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one value, such as training.loss.config.threshold=2.0; may be repeated.",
        ),
        click.option(
            "--config",
            "config_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="YAML file with any of the keys that `huberflow config` prints.",
        ),
        click.option(
            "--workspace",
            metavar="FOLDER",
            help="Where runs are kept; the same as --set workspace=FOLDER.",
        ),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="huberflow")
def cli() -> None:
    """Train, evaluate and push models with custom Keras losses and metrics, through TFX.

    \b
    A first run, on the Chicago Taxi trips that come with TFX:
      huberflow run
    \b
    The same with another loss; only the Trainer and what follows it run again:
      huberflow run --set training.loss.config.threshold=2.0

    Exit codes: 0 done and blessed, 1 failed, 2 the config or input is wrong, 3 not blessed.
    """  # noqa: D301 (click reads the \b)


@cli.command()
@_config_options
@click.option("--no-cache", is_flag=True, help="Run every node, also where nothing changed.")
@click.option("--verbose", "-v", is_flag=True, help="Show the libraries' logs, and tracebacks.")
def run(
    workspace: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    no_cache: bool,
    verbose: bool,
) -> None:
    """Run the pipeline once: data, training, evaluation, gate, push.

    Nodes whose code, config and inputs did not change are reused from earlier runs.

    \b
    Try a harder gate; the model that serves stays:
      huberflow run --set 'evaluation.gate=[{metric: huber, upper_bound: 0.5}]'
    """  # noqa: D301 (click reads the \b)
    config = _load(workspace, config_file, settings)
    from pipeline.run import PipelineError, execute
    from pipeline.workspace import WorkspaceError

    try:
        result = execute(config, cache=not no_cache, verbose=verbose)
    except WorkspaceError as error:
        _stop(str(error), WRONG_INPUT)
    except PipelineError as error:
        _stop(str(error), FAILED)
    except KeyboardInterrupt:
        _stop("interrupted; what had finished is kept, run again to go on", INTERRUPTED)
    sys.exit(0 if result.blessed else NOT_BLESSED)


@cli.command()
@_config_options
@click.option("--schema", is_flag=True, help="Print the JSON schema of all keys instead.")
def config(
    workspace: str | None, config_file: Path | None, settings: tuple[str, ...], schema: bool
) -> None:
    """Print the resolved config as commented YAML; a good start for a file of your own.

    \b
      huberflow config > my.yaml
      huberflow run --config my.yaml
    """  # noqa: D301 (click reads the \b)
    if schema:
        from pipeline.config import Config

        click.echo(json.dumps(Config.model_json_schema(), indent=2))
        return
    from pipeline.config_file import to_yaml

    click.echo(to_yaml(_load(workspace, config_file, settings)), nl=False)


@cli.command()
@click.option("--workspace", default="workspace", metavar="FOLDER", help="Whose disk to look at.")
def doctor(workspace: str) -> None:
    """Show what this machine has and lacks, and what each lack would prevent."""
    from rich.console import Console

    from pipeline.doctor import examine, render

    findings = examine(Path(workspace))
    Console().print(render(findings))
    sys.exit(FAILED if any(finding.status == "lack" for finding in findings) else 0)


def main() -> None:
    """Entry point of ``huberflow``."""
    cli()


def _load(workspace: str | None, config_file: Path | None, settings: tuple[str, ...]) -> Any:
    from pipeline.config_file import ConfigError, load

    if workspace is not None:
        settings = (*settings, f"workspace={json.dumps(workspace)}")  # text, even where it is 2024
    try:
        return load(config_file, settings)
    except ConfigError as error:
        _stop(str(error), WRONG_INPUT)


def _stop(message: str, code: int) -> Any:
    for line in message.splitlines():
        click.echo(f"huberflow: {line}", err=True)
    sys.exit(code)
