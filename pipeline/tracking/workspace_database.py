"""MLflow's database in a workspace: what to do where that was moved, or the file is damaged."""

import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

from huberflow.pipeline.history.workspace import LOCK_PATIENCE, Workspace

_PLACES = {"artifact_location", "artifact_uri", "source", "storage_location"}
"""Columns with addresses of artifacts, in the tables of experiments, runs and models."""


def follow_move(database: Path) -> None:
    """Corrects the addresses of artifacts, in one transaction, where the workspace was moved.

    MLflow would write into the old place, also from a copy. Nothing happens to a database that is
    not a workspace's own.

    Raises:
      sqlite3.Error: it is no database, or locked.
    """
    workspace = _workspace_of(database)
    if workspace is None or not database.is_file():
        return
    here = f"{workspace.tracked_files.as_uri()}/"
    with closing(sqlite3.connect(database, LOCK_PATIENCE, isolation_level=None)) as connection:
        formers = _former_places(connection) - {here}
        if not formers:
            return
        connection.execute("BEGIN IMMEDIATE")
        for table, column in _columns(connection):
            for former in formers:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 (names)
                    f"WHERE substr({column}, 1, ?) = ?",
                    (here, len(former) + 1, len(former), former),
                )
        connection.execute("COMMIT")


def way_out(database: Path) -> str:
    """The commands for a file that is no database: the journals have all that was in it."""
    workspace = _workspace_of(database)
    where = ["--workspace", str(workspace.root)] if workspace else []
    away = shlex.join(["mv", str(database), f"{database}.damaged"])
    return f"{away} && {shlex.join(['huberflow', 'track', *where])}"


def _workspace_of(database: Path) -> Workspace | None:
    """The workspace that a database belongs to; None for any other."""
    database = database.absolute()
    workspace = Workspace(database.parents[1])
    is_own = workspace.tracking / "mlflow.db" == database and workspace.journals.is_dir()
    return workspace if is_own else None


def _former_places(connection: sqlite3.Connection) -> set[str]:
    """The folders of artifacts that experiments of this or another place name."""
    if not list(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'experiments'")):
        return set()
    locations = connection.execute("SELECT artifact_location FROM experiments")
    found = (
        re.fullmatch(r"(file://.*/mlflow/artifacts/)[^/]*", each or "") for (each,) in locations
    )
    return {match[1] for match in found if match}


def _columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [
        (table, column)
        for (table,) in tables
        for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
        if column in _PLACES
    ]
