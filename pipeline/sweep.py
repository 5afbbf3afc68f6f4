"""Runs the pipeline over a grid; what comes before the first difference is run once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline import facts
from pipeline.grid import Grid, Point
from pipeline.history import Status
from pipeline.journal import Journal
from pipeline.records import Records
from pipeline.run import PipelineError, Session, Sweep, session


@dataclass(frozen=True)
class Outcome:
    """How a sweep went."""

    id: str
    failed: Sequence[tuple[Point, str]]
    """Points that failed, with the cause; the others went on."""


def execute(
    grid: Grid, settings: Sequence[str], *, cache: bool = True, verbose: bool = False
) -> Outcome:
    """Runs every point, one after another; nothing is pushed.

    All points are held against one baseline: the model that was blessed last when the sweep began.

    Args:
      grid: its points share a workspace.
      settings: what was asked for, to be remembered.
      cache: reuse what did not change.
      verbose: show the libraries' logs too.

    Raises:
      WorkspaceError: the workspace is taken or cannot be written.
      KeyboardInterrupt: Ctrl-C or SIGTERM; points that have finished are kept.
    """
    config = grid.points[0].config
    with session(config, verbose=verbose) as held:
        started = datetime.now(UTC)
        keys = [setting.partition("=")[0].rpartition(".")[2] for setting in settings]
        name = config.tracking.run_name or f"sweep of {', '.join(keys)} {started:%m-%d %H:%M:%S}"
        known = facts.gather(config, held.workspace.log(held.id))
        journal = Journal(
            held.workspace.journal(held.id),
            name,
            config.plain(),
            {**known, "changes": {}, "grid": list(settings)},
            kind="sweep",
        )
        status: Status = "interrupted"
        try:
            newest = Records(held.workspace).newest_artifact()
            failed = _run_all(held, grid, Sweep(held.id, name, started, newest), cache=cache)
            status = "done"
        finally:
            journal.run_finished(status)
    return Outcome(held.id, failed)


def _run_all(held: Session, grid: Grid, sweep: Sweep, *, cache: bool) -> list[tuple[Point, str]]:
    failed = []
    for number, point in enumerate(grid.points, start=1):
        held.console.print(f"\npoint {number} of {len(grid.points)}: {point.name}", markup=False)
        try:
            held.run(point.config, cache=cache, name=point.name, sweep=sweep)
        except PipelineError as error:
            failed.append((point, str(error)))
            held.console.print(f"[red]failed[/], the others go on: {point.name}")
    return failed
