"""The command ``huberflow`` and its verbs run, sweep, config, init and doctor."""

import atexit
import gc
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huberflow.installation.docstrings import WITHOUT, lacks_docstrings
from huberflow.pipeline.cli import bundles, clusters, models, runs, schemas, signatures
from huberflow.pipeline.cli.common import (
    FAILED,
    NOT_BLESSED,
    WRONG_INPUT,
    Options,
    Verbs,
    config_options,
    own_options,
    say,
    show_warnings,
    stop,
)
from huberflow.pipeline.system.terminal import lasting

if TYPE_CHECKING:
    from huberflow.pipeline.history.workspace import Workspace
    from huberflow.pipeline.report.result import Result

_no_cache = click.option(
    "--no-cache", is_flag=True, help="Run every node, even if nothing has changed."
)
_verbose = click.option(
    "--verbose", "-v", is_flag=True, help="Show the logs of the libraries, and tracebacks."
)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="huberflow")
def cli() -> None:
    """Train, evaluate and push models with custom Keras losses and metrics, with TFX.

    \b
    A first run, on the Chicago Taxi trips that come with TFX:
      huberflow run
    \b
    The same with another loss; only the Trainer and the nodes after it run again:
      huberflow run --set training.loss.config.threshold=2.0
    \b
    Your own TFX pipeline: its runs in MLflow, and side by side:
      huberflow track --metadata metadata.db
      huberflow compare --metadata metadata.db
    \b
    Your own Keras model: a bundle of it, for verify, serve and predict:
      huberflow bundle fares --objects my_losses.py --data rows.csv --to bundle
      huberflow verify bundle

    Exit codes: 0 done and blessed, 1 failed, 2 the config or input is wrong, 3 not blessed.
    """  # noqa: D301 (click reads the \b)


@cli.command()
@own_options
@config_options
@_no_cache
@_verbose
def run(options: Options, no_cache: bool, verbose: bool) -> None:
    """Run the pipeline once: data, training, evaluation, gate, push.

    The results of nodes whose code, config and inputs have not changed are reused. Where nothing
    at all has changed, the last result is shown again.

    \b
    With your own data; profiling decides how each column is used:
      huberflow run --data houses.csv --label price
    \b
    With your own loss, a class in your own file:
      huberflow run --objects my_losses.py --set training.loss.name=QuantileLoss
    \b
    With a stricter gate; a model that fails it is not pushed:
      huberflow run --set 'evaluation.gate=[{metric: huber, upper_bound: 0.5}]'
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.resolve import run_inputs
    from huberflow.pipeline.resolve.resolved_run import resolve, workspace_of

    asked = options.read().over({})
    workspace = workspace_of(asked)
    inputs = run_inputs.digest(asked, workspace.root)
    result = None if no_cache or verbose else _shown_again(workspace, inputs)
    if result is None:
        resolved = options.resolve()
        show_warnings(resolved)
        from huberflow.pipeline.execution.run import execute

        result = execute(resolve(resolved), cache=not no_cache, verbose=verbose, inputs=inputs)
    sys.exit(0 if result.report.blessed else NOT_BLESSED)


def _shown_again(workspace: "Workspace", inputs: str) -> "Result | None":
    """The result of the last run, where the next one would be the same; None where in doubt."""
    if not workspace.journals.exists():
        return None
    from huberflow.pipeline.execution import unchanged

    found = unchanged.find(workspace, inputs)
    if found is None:
        return None
    unchanged.show(found, workspace)
    return found.result


@cli.command()
@own_options
@config_options
@click.option("--dry-run", is_flag=True, help="List the trials without running them.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Number of trials at the same time; default: as many as processors and memory allow.",
)
@_no_cache
@_verbose
def sweep(options: Options, dry_run: bool, jobs: int | None, no_cache: bool, verbose: bool) -> None:
    """Run the pipeline for every combination of values, then compare.

    --set can list several values, separated by commas; each combination is a trial. The first trial
    runs alone, then the others at the same time; work that they share is done once. No model is
    exported or pushed: use `huberflow run` for the best trial. The exit code is 0 if all trials
    have finished, blessed or not.

    \b
    Four thresholds of one loss, and a loss without a threshold:
      huberflow sweep --set training.loss.config.threshold=0.5,1,2,4 \\
                      --set training.loss.name=HuberLoss,CustomMSE
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.resolve import grid as grids

    grid = grids.resolve(options.file, options.fixed, options.settings)
    for trial, same in grid.dropped:
        click.echo(
            f"dropped, because its config equals that of {same.name}: {' '.join(trial.settings)}"
        )
    if dry_run:
        for number, trial in enumerate(grid.trials, start=1):
            click.echo(f"{number:3}  {trial.name}")
        return
    show_warnings(grid.trials[0].resolved)
    from huberflow.pipeline.execution import sweep as sweeps

    result = sweeps.execute(grid, options.settings, cache=not no_cache, jobs=jobs, verbose=verbose)
    click.echo()
    workspace = grid.trials[0].resolved.workspace
    runs.show_comparison(workspace, (result.id,), slices=False, form="table")
    for name, cause in result.failed:
        say(f"{name}: {cause}")
    sys.exit(FAILED if result.failed else 0)


@cli.command()
@own_options
@config_options
@click.option("--schema", is_flag=True, help="Print the JSON schema of the config instead.")
def config(options: Options, schema: bool) -> None:
    """Print the resolved config as YAML with comments.

    The output is a good start for your own file.

    \b
      huberflow config > my.yaml
      huberflow run --config my.yaml
    """  # noqa: D301 (click reads the \b)
    if schema:
        from huberflow.pipeline.config import Config

        click.echo(json.dumps(Config.model_json_schema(), indent=2))
        return
    from huberflow.pipeline.config.writing import to_yaml

    resolved = options.resolve()
    click.echo(to_yaml(resolved.config), nl=False)
    show_warnings(resolved)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@own_options
@config_options
def init(folder: Path, options: Options) -> None:
    """Start a project: a config, and a module for your own objects.

    \b
      huberflow init fares
      huberflow init prices --data houses.csv --label price
      huberflow run --config prices/config.yaml
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.resolve import init as start

    if options.file is not None:
        stop("--config: init writes one; leave it out", WRONG_INPUT)
    written, resolved = start.write(folder, (*options.settings, *options.fixed))
    show_warnings(resolved)
    for path in written:
        click.echo(path)
    click.echo(f"next: {shlex.join(['huberflow', 'run', '--config', str(written[0])])}")


@cli.command()
@click.option(
    "--workspace", default="workspace", metavar="FOLDER", help="Workspace whose disk to check."
)
@click.option(
    "--repair",
    is_flag=True,
    help="Make ml-metadata and tensorflow-data-validation load on glibc 2.34 to 2.38, and do not "
    "check anything.",
)
def doctor(workspace: str, repair: bool) -> None:
    """Check what is missing, and which features need it."""
    if repair:
        _repair_installed()
        return
    from rich.console import Console

    from huberflow.pipeline.doctor import remedies_text, results_table, run_checks

    results = run_checks(Path(workspace))
    Console().print(results_table(results))
    if commands := remedies_text(results):
        click.echo(commands)
    sys.exit(FAILED if any(result.severity == "error" for result in results) else 0)


def _repair_installed() -> None:
    from huberflow.installation import old_glibc

    try:
        for line in old_glibc.repair_installed() or ["nothing on this system needs a repair"]:
            click.echo(line)
    except (old_glibc.RepairError, OSError) as error:
        stop(f"not repaired: {error}", FAILED)


for verb in (
    runs.compare,
    runs.ui,
    runs.track,
    schemas.schema,
    models.verify,
    models.predict,
    models.serve,
    bundles.bundle,
    signatures.sign,
    clusters.compile_pipeline,
):
    cli.add_command(verb)


def main() -> None:
    """Entry point of ``huberflow``."""
    # Otherwise Python would visit all of TensorFlow's objects at its exit, for two seconds.
    atexit.register(gc.freeze)
    sys.stdout, sys.stderr = lasting(sys.stdout), lasting(sys.stderr)
    if lacks_docstrings():  # click's help is made of them, too
        stop(f"Python: {WITHOUT}", WRONG_INPUT)
    cli()
