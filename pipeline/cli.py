"""The command line: parse, merge, validate, run. Every verb imports only what it needs."""

import atexit
import gc
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

# TFT, TFMA and MLflow look at tf.keras; before TensorFlow is imported, here and in subprocesses.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
# MLflow would tell its makers of every use; nothing leaves this machine unasked.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

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
    from pipeline.run import execute

    with _errors_in_words():
        result = execute(config, cache=not no_cache, verbose=verbose)
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


@cli.command()
@_config_options
@click.option("--dry-run", is_flag=True, help="List the points, and run none.")
@click.option("--no-cache", is_flag=True, help="Run every node, also where nothing changed.")
@click.option("--verbose", "-v", is_flag=True, help="Show the libraries' logs, and tracebacks.")
def sweep(
    workspace: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    dry_run: bool,
    no_cache: bool,
    verbose: bool,
) -> None:
    """Run the pipeline for every combination of values, then compare.

    A --set may list values, parted by commas. What comes before the first difference runs once.
    Nothing is pushed: run the point that you choose.

    \b
    Four losses that know a threshold, and one that does not:
      huberflow sweep --set training.loss.config.threshold=0.5,1,2,4 \\
                      --set training.loss.name=HuberLoss,CustomMSE
    """  # noqa: D301 (click reads the \b)
    from pipeline import grid as grids
    from pipeline.config_file import ConfigError

    fixed = () if workspace is None else (_workspace_setting(workspace),)
    try:
        grid = grids.resolve(config_file, fixed, settings)
    except ConfigError as error:
        _stop(str(error), WRONG_INPUT)
    for point, same in grid.dropped:
        click.echo(
            f"left out, for it is the same config as {same.name}: {' '.join(point.settings)}"
        )
    if dry_run:
        for number, point in enumerate(grid.points, start=1):
            click.echo(f"{number:3}  {point.name}")
        return
    from pipeline import sweep as sweeps

    with _errors_in_words():
        outcome = sweeps.execute(grid, settings, cache=not no_cache, verbose=verbose)
    click.echo()
    _compare(grid.points[0].config, (outcome.id,), slices=False, form="table")
    for point, cause in outcome.failed:
        _say(f"{point.name}: {cause}")
    sys.exit(FAILED if outcome.failed else 0)


@cli.command()
@click.argument("runs", nargs=-1)
@_config_options
@click.option("--slices", is_flag=True, help="Also the gate's metric in every slice.")
@click.option("--json", "form", flag_value="json", help="All of it, as JSON.")
@click.option("--csv", "form", flag_value="csv", help="A line per run, as CSV.")
def compare(
    runs: tuple[str, ...],
    workspace: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    slices: bool,
    form: str | None,
) -> None:
    """Show what differs between runs: in config, and in results.

    RUNS are ids, the start of an id, names, the id of a sweep, `latest`, `latest~1`, ...; none: the
    latest ten that have a result. The first is what the others are held against.

    \b
      huberflow compare
      huberflow compare latest~1 latest --slices
    """  # noqa: D301 (click reads the \b)
    _compare(_load(workspace, config_file, settings), runs, slices=slices, form=form or "table")


@cli.command()
@_config_options
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    help="5000 where none is named; another is taken if it is in use.",
)
def ui(
    workspace: str | None, config_file: Path | None, settings: tuple[str, ...], port: int
) -> None:
    """Open MLflow's UI on this workspace, for this machine alone; Ctrl-C ends it.

    \b
      huberflow ui
      huberflow ui --workspace other --port 8080
    """  # noqa: D301 (click reads the \b)
    from pipeline import links
    from pipeline import ui as uis
    from pipeline.tracking.masking import masked_text
    from pipeline.tracking.store import store_uri
    from pipeline.workspace import Workspace

    config = _load(workspace, config_file, settings)
    place = Workspace(config.workspace.expanduser().absolute())
    uri = store_uri(config.tracking, place)
    if uri.startswith("http"):
        click.echo(f"the runs are on a server: {masked_text(uri)}")
        return
    try:
        uis.serve(
            place,
            uri,
            port=port,
            on_ready=lambda url: click.echo(f"MLflow: {links.results_page(place, url)}"),
        )
    except uis.UiError as error:
        _stop(str(error), FAILED)


@cli.command()
@_config_options
@click.option("--dry-run", is_flag=True, help="List what has not been delivered, and send nothing.")
def track(
    workspace: str | None, config_file: Path | None, settings: tuple[str, ...], dry_run: bool
) -> None:
    """Deliver to MLflow what it lacks: runs made while the server was down, or all of them anew.

    Runs deliver themselves; this is for when they could not. What is there stays as it is.

    \b
      huberflow track
      huberflow track --set tracking.uri=http://mlflow.example:5000
    """  # noqa: D301 (click reads the \b)
    from pipeline.workspace import Workspace

    config = _load(workspace, config_file, settings)
    place = Workspace(config.workspace.expanduser().absolute())
    outcome = _undelivered(place) if dry_run else _delivered(config, place)
    for cause in outcome.failed:
        _say(cause)
    sys.exit(FAILED if outcome.failed else 0)


def main() -> None:
    """Entry point of ``huberflow``."""
    # At its end Python would walk through all that TensorFlow made, for two seconds.
    atexit.register(gc.freeze)
    cli()


def _compare(config: Any, names: tuple[str, ...], *, slices: bool, form: str) -> None:
    from rich.console import Console

    from pipeline import history, links
    from pipeline.compare import choose, comparison, views
    from pipeline.workspace import Workspace

    workspace = Workspace(config.workspace.expanduser().absolute())
    gc.disable()  # a third of the time over 1,000 runs, and all that is read is needed to the end
    try:
        chosen = choose.choose(history.runs(workspace, _say), names)
    except choose.CompareError as error:
        _stop(str(error), WRONG_INPUT)
    found = comparison.compare(chosen, slices=slices)
    if form != "table":
        render = {"json": views.to_json, "csv": views.to_csv}[form]
        click.echo(render(found).rstrip("\n"))
        return
    Console().print(views.table(found))
    where = links.compare_page(workspace, [run.id for run in chosen])
    if where is not None:
        click.echo(f"\n{where}")


def _undelivered(workspace: Any) -> Any:
    from pipeline.tracking.catch_up import undelivered

    outcome = undelivered(workspace)
    for run in outcome.delivered:
        click.echo(f"{run.id}  {run.name}")
    return outcome


def _delivered(config: Any, workspace: Any) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from pipeline import logs
    from pipeline.tracking.catch_up import catch_up
    from pipeline.tracking.store import store_uri

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        _errors_in_words(),
        workspace.locked(),
        logs.captured(workspace.log("track"), verbose=False) as terminal,
        Progress(
            *columns,
            transient=True,
            console=Console(file=terminal),
            disable=not terminal.isatty(),
        ) as progress,
    ):
        bar = progress.add_task("runs", total=None)
        outcome = catch_up(
            workspace,
            store_uri(config.tracking, workspace),
            lambda run, number, count: progress.update(
                bar, description=run.name, completed=number - 1, total=count
            ),
        )
    click.echo(f"delivered {len(outcome.delivered)}, already there {outcome.already_there}")
    return outcome


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """What can go wrong with a workspace, a run or a server, as a line and an exit code."""
    from pipeline.run import PipelineError
    from pipeline.tracking.port import TrackingError
    from pipeline.workspace import WorkspaceError

    try:
        yield
    except WorkspaceError as error:
        _stop(str(error), WRONG_INPUT)
    except (PipelineError, TrackingError) as error:
        _stop(str(error), FAILED)
    except KeyboardInterrupt:
        _stop("interrupted; what had finished is kept, run again to go on", INTERRUPTED)


def _workspace_setting(workspace: str) -> str:
    return f"workspace={json.dumps(workspace)}"  # text, even where it is 2024


def _load(workspace: str | None, config_file: Path | None, settings: tuple[str, ...]) -> Any:
    from pipeline.config_file import ConfigError, load

    if workspace is not None:
        settings = (*settings, _workspace_setting(workspace))
    try:
        return load(config_file, settings)
    except ConfigError as error:
        _stop(str(error), WRONG_INPUT)


def _stop(message: str, code: int) -> Any:
    for line in message.splitlines():
        _say(line)
    sys.exit(code)


def _say(line: str) -> None:
    click.echo(f"huberflow: {line}", err=True)
