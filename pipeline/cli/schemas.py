"""Verbs for the pinned schema: write a first one, accept changes in the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huberflow.pipeline.cli.common import Options, config_options, say

if TYPE_CHECKING:
    from huberflow.pipeline.history.run_history import Run
    from huberflow.pipeline.history.workspace import Workspace


@click.group()
def schema() -> None:
    """Pin a schema: runs stop if the data do not match it.

    Pinned means that runs use this file in place of a schema inferred from the data. A schema is
    a text file; read it, edit it, and keep it beside your code. It contains the type of
    each column, whether values may be missing, and which values are allowed. You can add a
    `drift_comparator` or `skew_comparator` to limit how far a column may shift.

    \b
    After a run on correct data:
      huberflow schema write schema.pbtxt
      huberflow run --set data.schema=schema.pbtxt
    \b
    After a run that stopped because the data have changed, if the change is correct:
      huberflow schema accept
    """  # noqa: D301 (click reads the \b)


@schema.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("run", default="latest")
@config_options
def write(file: Path, run: str, options: Options) -> None:
    """Write the schema of a run's data to a new FILE, which you can edit.

    RUN is an id, the start of an id, a name, `latest`, `latest~1`, ...; default: the latest.
    """
    resolved = options.resolve()
    with _chosen_run(resolved.workspace, run) as found:
        from huberflow.pipeline.history.run_command import run_command
        from huberflow.pipeline.schema import schema_update

        schema_update.write_first_schema(found, file)
    asked = {**found.metadata.changes, "data.schema": str(file)}
    click.echo(f"next: {run_command(resolved.config.workspace, asked)}")


@schema.command()
@click.argument("run", default="latest")
@config_options
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="Accept changes only in this column; may be repeated.",
)
def accept(run: str, options: Options, columns: tuple[str, ...]) -> None:
    """Change the pinned schema so that the data of a RUN match it.

    New values and new columns are added, and columns that no longer exist are removed; limits are
    only relaxed. The file loses its comments. The verb prints the changes of each column.

    \b
      huberflow schema accept
      huberflow schema accept --column company
    """  # noqa: D301 (click reads the \b)
    place = options.resolve().workspace
    with _chosen_run(place, run) as found:
        from huberflow.pipeline.schema import schema_update
        from huberflow.pipeline.system.display_path import display_path

        path, changes = schema_update.accept_data(found, columns)
    for column, lines in changes.items():
        click.echo(column)
        for line in lines:
            click.echo(f"  {line}")
    click.echo(f"{'accepted in' if changes else 'nothing to accept in'} {display_path(path)}")


@contextmanager
def _chosen_run(workspace: "Workspace", name: str) -> Iterator["Run"]:
    """Yields a run; the output of libraries goes to the workspace's log inside the block."""
    from huberflow.pipeline.history import run_history, select
    from huberflow.pipeline.system import logs

    run = select.select_runs(run_history.all_runs(workspace, say), [name])[0]
    with logs.captured(workspace.log("schema"), verbose=False):
        yield run
