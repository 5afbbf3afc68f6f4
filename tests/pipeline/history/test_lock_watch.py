"""A metadata database that another program has locked while a run needs it."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from huberflow.pipeline.history import lock_watch
from huberflow.pipeline.history.lock_watch import locked_by, told

HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute(f"BEGIN {sys.argv[2]}")
database.execute("SELECT * FROM sqlite_master").fetchall()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "metadata.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
    return path


@pytest.fixture
def held(database):
    """Locks the database in another process; that ends when its input does."""
    processes = []

    def held(kind: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, database, kind]
        pipe = subprocess.PIPE
        # by a shell, so that it is no child of this process: those are the run's own workers
        shell = ["sh", "-c", '"$@"; exit', "sh", *command]
        process = subprocess.Popen(shell, stdin=pipe, stdout=pipe, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield held
    for process in processes:
        process.communicate()


def wait_until(lines: list[str], count: int) -> None:
    deadline = time.monotonic() + 20
    while len(lines) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(lines) == count, lines


@pytest.mark.parametrize("kind", ["EXCLUSIVE", "IMMEDIATE", "DEFERRED"])
def test_is_told_with_the_program_and_when_it_is_free(kind, database, held, monkeypatch):
    monkeypatch.setattr(lock_watch, "PATIENCE", 1.0)
    lines: list[str] = []
    with told(database, lines.append):
        holder = held(kind)
        wait_until(lines, 1)
        assert re.match(r"metadata.sqlite is locked by python\S* \(process \d+\)", lines[0])
        holder.communicate()
        wait_until(lines, 2)
        assert lines[1].startswith("metadata.sqlite is free again")


def test_a_short_lock_is_not_told(database, held):
    lines: list[str] = []
    with told(database, lines.append):
        held("EXCLUSIVE").communicate()
        time.sleep(1.5)
    assert lines == []


def test_the_runs_own_locks_are_not_told(database, monkeypatch):
    monkeypatch.setattr(lock_watch, "PATIENCE", 0.5)
    lines: list[str] = []
    with told(database, lines.append), closing(sqlite3.connect(database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(2)
    assert lines == []


def test_who_has_locked_it_is_known_at_once(database, held):
    assert locked_by(database) == "another program"
    holder = held("EXCLUSIVE")
    assert re.fullmatch(r"python\S* \(process \d+\)", locked_by(database))
    holder.communicate()
