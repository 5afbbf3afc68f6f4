"""Verbs for finished runs: compare, ui, track."""

import gc
import sys
from typing import TYPE_CHECKING

import click

from huberflow.pipeline.cli.common import FAILED, Options, config_options, progress_bar, say

if TYPE_CHECKING:
    from huberflow.pipeline.config import Config
    from huberflow.pipeline.history.run_history import Run
    from huberflow.pipeline.history.workspace import Workspace
    from huberflow.pipeline.tracking.delivery import CatchUpResult


@click.command()
@click.argument("runs", nargs=-1)
@config_options
@click.option("--slices", is_flag=True, help="Also compare the gate's metric in every slice.")
@click.option("--json", "form", flag_value="json", help="Print everything as JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print one line per run as CSV.")
def compare(runs: tuple[str, ...], options: Options, slices: bool, form: str | None) -> None:
    """Show the differences between runs, in config and in results.

    RUNS are ids, the start of an id, names, the id of a sweep, `latest`, `latest~1`, ...; default:
    the ten latest runs with a result. All runs are compared with the first.

    \b
      huberflow compare
      huberflow compare latest~1 latest --slices
    """  # noqa: D301 (click reads the \b)
    found = options.resolve()
    show_comparison(found.workspace, runs, slices=slices, form=form or "table")


@click.command()
@config_options
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    help="Port of the UI; default: 5000, or another if 5000 is in use.",
)
def ui(options: Options, port: int) -> None:
    """Open MLflow's UI for this workspace; Ctrl-C stops it.

    Only this machine can reach it.

    \b
      huberflow ui
      huberflow ui --workspace other --port 8080
    """  # noqa: D301 (click reads the \b)
    from huberflow.pipeline.system.masking import masked_text
    from huberflow.pipeline.tracking import links
    from huberflow.pipeline.tracking import ui as uis
    from huberflow.pipeline.tracking.store import store_uri

    found = options.resolve()
    place, uri = found.workspace, store_uri(found.config.tracking, found.workspace)
    if uri.startswith("http"):
        click.echo(f"the runs are on a server: {masked_text(uri)}")
        return
    uis.serve(
        place,
        uri,
        port=port,
        on_ready=lambda url: click.echo(f"MLflow: {links.results_page(place, url)}"),
    )


@click.command()
@config_options
@click.option(
    "--dry-run", is_flag=True, help="List the runs that are not in MLflow, without sending them."
)
def track(options: Options, dry_run: bool) -> None:
    """Send runs to MLflow that are not there yet.

    Runs are sent automatically; use this verb if that failed, or for another server.
    Runs that are already there stay as they are.

    \b
      huberflow track
      huberflow track --set tracking.uri=http://mlflow.example:5000
    """  # noqa: D301 (click reads the \b)
    found = options.resolve()
    if dry_run:
        from huberflow.pipeline.tracking import delivery

        outcome = delivery.dry_run(found.workspace)
        for run in outcome.delivered:
            click.echo(f"{run.id}  {run.name}")
    else:
        outcome = _delivered(found.config, found.workspace)
        click.echo(f"delivered {len(outcome.delivered)}, already there {outcome.already_there}")
    for cause in outcome.failed:
        say(cause)
    sys.exit(FAILED if outcome.failed else 0)


def show_comparison(
    workspace: "Workspace", names: tuple[str, ...], *, slices: bool, form: str
) -> None:
    """Prints the comparison of runs, for ``compare`` and at the end of a sweep."""
    from rich.console import Console

    from huberflow.pipeline.compare import comparison, views
    from huberflow.pipeline.history import run_history, select
    from huberflow.pipeline.tracking import links

    gc.disable()  # a third of the time over 1,000 runs, and all that is read is needed to the end
    chosen = select.select_runs(run_history.all_runs(workspace, say), names)
    found = comparison.compare(chosen, slices=slices)
    if form != "table":
        render = {"json": views.to_json, "csv": views.to_csv}[form]
        click.echo(render(found).rstrip("\n"))
        return
    Console().print(views.table(found))
    where = links.compare_page(workspace, [run.id for run in chosen])
    if where is not None:
        click.echo(f"\n{where}")


def _delivered(config: "Config", workspace: "Workspace") -> "CatchUpResult":
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    from huberflow.pipeline.system import logs
    from huberflow.pipeline.tracking.delivery import catch_up
    from huberflow.pipeline.tracking.store import store_uri

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        workspace.locked(),
        logs.captured(workspace.log("track"), verbose=False) as terminal,
        progress_bar(terminal, *columns) as progress,
    ):
        bar = progress.add_task("runs", total=None)

        def on_run(run: "Run", number: int, count: int) -> None:
            progress.update(bar, description=run.name, completed=number - 1, total=count)

        return catch_up(workspace, store_uri(config.tracking, workspace), on_run)
