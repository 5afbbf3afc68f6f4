"""Verbs for finished runs: compare, ui, track."""

import gc
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.cli.any_pipeline import AnyPipeline, metadata_options
from huberflow.pipeline.cli.common import FAILED, Options, config_options, progress_bar, say

if TYPE_CHECKING:
    from huberflow.pipeline.compare.comparison import Comparison
    from huberflow.pipeline.config import Config
    from huberflow.pipeline.history.run_history import Run
    from huberflow.pipeline.history.workspace import Workspace
    from huberflow.pipeline.tracking.delivery import CatchUpResult


ANOTHER_PIPELINE = "huberflow track --metadata metadata.db"

_tracking_uri = click.option(
    "--tracking-uri",
    metavar="URI",
    help="MLflow's server or database, such as sqlite:///mlflow.db.",
)


@click.command()
@click.argument("runs", nargs=-1)
@config_options
@metadata_options
@click.option("--slices", is_flag=True, help="Also compare the gate's metric in every slice.")
@click.option("--json", "form", flag_value="json", help="Print everything as JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print one line per run as CSV.")
def compare(
    runs: tuple[str, ...],
    options: Options,
    any_pipeline: AnyPipeline | None,
    slices: bool,
    form: str | None,
) -> None:
    """Show the differences between runs, in config and in results.

    RUNS are ids, the start of an id, names, the id of a sweep, `latest`, `latest~1`, ...; default:
    the ten latest runs with a result. All runs are compared with the first.

    \b
      huberflow compare
      huberflow compare latest~1 latest --slices
    \b
    Runs of any TFX pipeline, whichever runner made them:
      huberflow compare --metadata metadata.db
    """  # noqa: D301 (click reads the \b)
    form = form or "table"
    if any_pipeline is not None:
        _show_pipelines(any_pipeline, runs, slices=slices, form=form)
        return
    found = options.resolve()
    show_comparison(found.workspace, runs, slices=slices, form=form)


@click.command()
@config_options
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    help="Port of the UI; default: 5000, or another if 5000 is in use.",
)
@_tracking_uri
def ui(options: Options, port: int, tracking_uri: str | None) -> None:
    """Open MLflow's UI for this workspace; Ctrl-C stops it.

    Only this machine can reach it.

    \b
      huberflow ui
      huberflow ui --workspace other --port 8080
    \b
    For runs of any TFX pipeline, which huberflow.MlflowDagRunner or `huberflow track --metadata`
    has sent to a database:
      huberflow ui --tracking-uri sqlite:///mlflow.db
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.history.workspace import Workspace
    from huberflow.pipeline.tracking import links
    from huberflow.pipeline.tracking.store import store_uri

    if tracking_uri is not None:
        with tempfile.TemporaryDirectory() as folder:
            no_place = Workspace(Path(folder))
            _serve_ui(no_place, tracking_uri, Path("mlruns"), port, str)  # as MLflow calls it
        return
    found = options.resolve()
    place, uri = found.workspace, store_uri(found.config.tracking, found.workspace)
    _serve_ui(place, uri, place.tracked_files, port, partial(links.results_page, place))


def _serve_ui(
    place: "Workspace", uri: str, artifacts: Path, port: int, page: Callable[[str], str]
) -> None:
    from huberflow.pipeline.system.masking import masked_text
    from huberflow.pipeline.tracking import ui as uis

    if uri.startswith("http"):
        click.echo(f"the runs are on a server: {masked_text(uri)}")
        return

    def on_ready(url: str) -> None:
        click.echo(f"MLflow: {page(url)}")

    uis.serve(place, uri, artifacts, port=port, on_ready=on_ready)


@click.command()
@config_options
@metadata_options
@_tracking_uri
@click.option(
    "--experiment",
    metavar="NAME",
    help="Experiment for the runs of --metadata; default: the pipeline's name.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="List the runs that are not in MLflow, or all of --metadata, without sending them.",
)
def track(
    options: Options,
    any_pipeline: AnyPipeline | None,
    tracking_uri: str | None,
    experiment: str | None,
    dry_run: bool,
) -> None:
    """Send runs of a workspace, or of any TFX pipeline, to MLflow.

    Runs that are already there stay as they are, unless they have gone on since. Those of a
    workspace are sent automatically; use this verb if that failed, or for another server.

    \b
      huberflow track
      huberflow track --tracking-uri http://mlflow.example:5000
    \b
    Runs of any TFX pipeline, whichever runner made them; its metadata store stays as it is. They go
    to --tracking-uri, else to MLFLOW_TRACKING_URI, else to mlflow.db in this folder:
      huberflow track --metadata metadata.db
    """  # noqa: D301 (click reads the \b)
    if any_pipeline is not None:
        outcome = _pipelines_delivered(any_pipeline, tracking_uri, experiment, dry_run=dry_run)
    else:
        outcome = _workspace_delivered(options, tracking_uri, experiment, dry_run=dry_run)
    if dry_run:
        for run in outcome.delivered:
            click.echo(f"{run.id}  {run.name}")
    else:
        failed = f", not delivered {len(outcome.failed)}" if outcome.failed else ""
        delivered, there = len(outcome.delivered), outcome.already_there
        click.echo(f"delivered {delivered}, already there {there}{failed}")
    for run in outcome.delivered:
        if run.status == "running" and any_pipeline is not None:
            say(f"{run.id} has not ended, or was killed; to complete it, track it again later")
    for line in (*outcome.damaged, *outcome.failed):
        say(line)
    sys.exit(FAILED if outcome.failed else 0)


def _workspace_delivered(
    options: Options, tracking_uri: str | None, experiment: str | None, *, dry_run: bool
) -> "CatchUpResult":
    if experiment is not None:
        raise InputError(
            "--experiment",
            expected="--metadata beside it",
            received="none",
            hint="the config names the experiment of a workspace",
            write=shlex.join(["--set", f"tracking.experiment={experiment}"]),
        )
    if tracking_uri is not None:
        options = options.with_setting("tracking.uri", tracking_uri)
    found = options.resolve()
    from huberflow.pipeline.system.display_path import display_path
    from huberflow.pipeline.tracking import delivery

    if dry_run:
        return delivery.dry_run(found.workspace)
    if not found.workspace.root.exists():
        place = display_path(found.workspace.root)
        say(f"no runs in {place}; those of another pipeline: {ANOTHER_PIPELINE}")
        return delivery.CatchUpResult((), 0, ())
    return _delivered(found.config, found.workspace)


def _pipelines_delivered(
    any_pipeline: AnyPipeline, tracking_uri: str | None, experiment: str | None, *, dry_run: bool
) -> "CatchUpResult":
    from huberflow.pipeline.system import logs
    from huberflow.pipeline.tracking.delivery import deliver_pipelines
    from huberflow.pipeline.tracking.store import connect, default_uri
    from huberflow.pipeline.tracking.tracker import NullTracker

    pipelines = any_pipeline.read(experiment)
    with logs.quiet() as terminal, _runs_bar(terminal) as on_run:
        tracker = NullTracker() if dry_run else connect(tracking_uri or default_uri())
        return deliver_pipelines(pipelines, tracker, on_run)


def show_comparison(
    workspace: "Workspace", names: tuple[str, ...], *, slices: bool, form: str
) -> None:
    """Prints the comparison of runs, for ``compare`` and at the end of a sweep."""
    from huberflow.pipeline.compare import comparison
    from huberflow.pipeline.history import run_history, select
    from huberflow.pipeline.tracking import links

    gc.disable()  # a third of the time over 1,000 runs, and all that is read is needed to the end
    chosen = select.select_runs(run_history.all_runs(workspace, say), names)
    _show(comparison.compare(chosen, slices=slices), form)
    where = links.compare_page(workspace, [run.id for run in chosen])
    if where is not None and form == "table":
        click.echo(f"\n{where}")


def _show_pipelines(
    any_pipeline: AnyPipeline, names: tuple[str, ...], *, slices: bool, form: str
) -> None:
    from huberflow.pipeline.compare import comparison
    from huberflow.pipeline.history import select
    from huberflow.pipeline.system import logs

    runs = [run for pipeline in any_pipeline.read() for run in pipeline.runs]
    with logs.quiet():  # TFMA reads the metrics
        chosen = select.select_runs(sorted(runs, key=lambda run: run.started), names)
        found = comparison.compare(chosen, slices=slices)
    _show(found, form)


def _show(comparison: "Comparison", form: str) -> None:
    from rich.console import Console

    from huberflow.pipeline.compare import views

    if form == "table":
        Console().print(views.table(comparison))
        return
    render = {"json": views.to_json, "csv": views.to_csv}[form]
    click.echo(render(comparison).rstrip("\n"))


def _delivered(config: "Config", workspace: "Workspace") -> "CatchUpResult":
    from huberflow.pipeline.system import logs
    from huberflow.pipeline.tracking.delivery import catch_up
    from huberflow.pipeline.tracking.store import store_uri

    with (
        workspace.locked(),
        logs.captured(workspace.log("track"), verbose=False) as terminal,
        _runs_bar(terminal) as on_run,
    ):
        return catch_up(workspace, store_uri(config.tracking, workspace), on_run)


@contextmanager
def _runs_bar(terminal: IO[str]) -> "Iterator[Callable[[Run, int, int], None]]":
    """Shows which run is delivered, and how many are left; yields what is called before each."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with progress_bar(terminal, *columns) as progress:
        bar = progress.add_task("runs", total=None)

        def on_run(run: "Run", number: int, count: int) -> None:
            progress.update(bar, description=run.name, completed=number - 1, total=count)

        yield on_run
