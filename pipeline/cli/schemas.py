"""Verbs of the schema that data must fit: write a first one, accept what does not fit."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from huberflow.pipeline.cli.common import (
    config_options,
    resolve_config,
    say,
)

if TYPE_CHECKING:
    from huberflow.pipeline.history.run_history import Run
    from huberflow.pipeline.history.workspace import Workspace


@click.group()
def schema() -> None:
    """Say what data are expected, so that a run ends where they are not.

    A schema is a text file to be read, edited and kept beside the code. It says of each column its
    type, whether it may be missing, which values it may have; `drift_comparator` and
    `skew_comparator`, where you add them, bound how far it may change.

    \b
    After a run on data that are as they should be:
      huberflow schema write schema.pbtxt
      huberflow run --set data.schema=schema.pbtxt
    \b
    A run has found that the data changed, and they may:
      huberflow schema accept
    """  # noqa: D301 (click reads the \b)


@schema.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("run", default="latest")
@config_options
def write(
    file: Path, run: str, workspace: str | None, config_file: Path | None, settings: tuple[str, ...]
) -> None:
    """Write the schema of a run's data to a new FILE, to be curated.

    RUN is an id, the start of one, a name, `latest`, `latest~1`, ...; none: the latest.
    """
    place = resolve_config(workspace, config_file, settings).workspace
    with _chosen_run(place, run) as found:
        from huberflow.pipeline.schema import schema_update

        schema_update.write_first(found, file)
    click.echo(f"next: huberflow run --set data.schema={shlex.quote(str(file))}")


@schema.command()
@click.argument("run", default="latest")
@config_options
@click.option(
    "--column", "columns", multiple=True, metavar="NAME", help="Only this one; may be repeated."
)
def accept(
    run: str,
    workspace: str | None,
    config_file: Path | None,
    settings: tuple[str, ...],
    columns: tuple[str, ...],
) -> None:
    """Change the pinned schema so that the data of a RUN fit it.

    New values are added, columns that are gone are taken out, new ones described; nothing is made
    stricter. Comments in the file are lost. Prints what changed in the file, column by column.

    \b
      huberflow schema accept
      huberflow schema accept --column company
    """  # noqa: D301 (click reads the \b)
    place = resolve_config(workspace, config_file, settings).workspace
    with _chosen_run(place, run) as found:
        from huberflow.pipeline.report.result import from_here
        from huberflow.pipeline.schema import schema_update

        path, changes = schema_update.accept(found, columns)
    for column, lines in changes.items():
        click.echo(column)
        for line in lines:
            click.echo(f"  {line}")
    click.echo(f"{'accepted in' if changes else 'nothing to accept in'} {from_here(path)}")


@contextmanager
def _chosen_run(workspace: "Workspace", name: str) -> Iterator["Run"]:
    """Yields a run; the output of libraries goes to the workspace's log inside the block."""
    from huberflow.pipeline.history import run_history, select
    from huberflow.pipeline.system import logs

    run = select.choose(run_history.runs(workspace, say), [name])[0]
    with logs.captured(workspace.log("schema"), verbose=False):
        yield run
