"""Tells who has locked a database of the workspace that this process waits for."""

import fcntl
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

PATIENCE = 5.0
"""Seconds after which a lock is told."""

_INTERVAL = 0.5

_LAYOUT = "qqihh" if sys.platform == "darwin" else "hhqqi0q"
"""The C struct flock."""

_PENDING, _RESERVED, _SHARED, _SHARED_SIZE = 0x40000000, 0x40000001, 0x40000002, 510
"""The bytes of a database that SQLite locks: for a writer that waits, a writer, and readers."""


@contextmanager
def told(database: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """In the block a line tells who has locked the database for 5 seconds, and another its end.

    The run itself waits without a word. Only one block at a time, and only while no other part of
    this process leaves a transaction open behind it: when a process closes a file, it loses its
    locks there.

    Args:
      database: an SQLite file that exists.
      tell: called from a thread with each line.
    """
    ended = threading.Event()
    file = os.open(database, os.O_RDONLY)
    thread = threading.Thread(target=_watch, args=(file, database.name, tell, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        os.close(file)


def locked_by(database: Path) -> str:
    """Who has locked a database, as far as the system says it.

    Only while nothing in this process has the file open; see ``told``.
    """
    file = os.open(database, os.O_RDONLY)
    try:
        holder = next(_holders(file), None)
    except OSError:  # a file system without locks
        holder = None
    finally:
        os.close(file)
    return "another program" if holder is None else _described(holder)


def _watch(file: int, name: str, tell: Callable[[str], None], ended: threading.Event) -> None:
    holder, since, is_told = None, 0.0, False
    while not ended.wait(_INTERVAL):
        try:
            now = next((pid for pid in _holders(file) if not _is_ours(pid)), None)
        except OSError:  # a file system without locks
            return
        if now != holder:
            if is_told:
                tell(f"{name} is free again; the run goes on")
            holder, since, is_told = now, time.monotonic(), False
        elif holder is not None and not is_told and time.monotonic() - since >= PATIENCE:
            tell(f"{name} is locked by {_described(holder)}; the run goes on when that ends")
            is_told = True


def _holders(file: int) -> Iterator[int]:
    """The processes that have locked the database, other than this one.

    0 or less where the system does not say which process it is.
    """
    for start, length in ((_RESERVED, 1), (_PENDING, 1), (_SHARED, _SHARED_SIZE)):
        pid = _lock_holder(file, start, length)
        if pid is not None:
            yield pid


def _lock_holder(file: int, start: int, length: int) -> int | None:
    write, begin = fcntl.F_WRLCK, os.SEEK_SET
    if sys.platform == "darwin":
        asked = struct.pack(_LAYOUT, start, length, 0, write, begin)
        _, _, pid, kind, _ = struct.unpack(_LAYOUT, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    else:
        asked = struct.pack(_LAYOUT, write, begin, start, length, 0)
        kind, _, _, _, pid = struct.unpack(_LAYOUT, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)


def _is_ours(pid: int) -> bool:
    """Whether it is a worker of this process, which waits for the lock as well."""
    try:
        return psutil.Process(pid).ppid() == os.getpid()
    except (psutil.Error, ValueError):
        return False


def _described(pid: int) -> str:
    try:
        return f"{psutil.Process(pid).name()} (process {pid})"
    except (psutil.Error, ValueError):
        return "a process elsewhere, such as in another container"
