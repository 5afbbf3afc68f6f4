"""The folder that a run writes, and nothing outside it."""

import errno
import itertools
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import filelock

from huberflow.pipeline.system.atomic_write import written_atomically

VERSION = "1"
"""Of how a workspace is laid out; another one cannot be read."""

LOCK_PATIENCE = 10
"""Seconds to wait for another program that has locked the metadata."""

LEAST_FREE = 100 * 2**20
"""Bytes on its disk without which no run comes to its end."""


class WorkspaceError(Exception):
    """The workspace cannot be used; the message says why and what to do."""

    @classmethod
    def unwritable(cls, folder: Path, error: OSError) -> "WorkspaceError":
        """Of what the system says of a folder."""
        return cls(
            f"workspace: expected a folder that can be written, received {folder} "
            f"({error.strerror}); write: --workspace ~/huberflow"
        )


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an error is, or was raised while something handled, the want of space on a disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__context__
    return False


@dataclass(frozen=True)
class Workspace:
    """Where everything lies; deleting ``root`` is a full reset."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> "Workspace":
        """The workspace in a folder as a user writes it, such as ``~/runs``."""
        return cls(folder.expanduser().absolute())

    @property
    def metadata(self) -> Path:
        """SQLite file of ML Metadata: what ran, on what, and what came out."""
        return self.root / "metadata.sqlite"

    @property
    def artifacts(self) -> Path:
        """What nodes write."""
        return self.root / "artifacts"

    def serving(self, name: str) -> Path:
        """Pushed versions of one model."""
        return self.root / "serving" / name

    @property
    def journals(self) -> Path:
        """What each run did, event by event."""
        return self.root / "journal"

    def journal(self, run_id: str) -> Path:
        """What one run did."""
        return self.journals / f"{run_id}.jsonl"

    def new_id(self, now: datetime) -> str:
        """An id for a run that starts now: its time, and a number where that is taken."""
        first = f"{now:%Y-%m-%dT%H-%M-%S}"
        for number in itertools.count(1):
            found = first if number == 1 else f"{first}-{number}"
            if not (self.journal(found).exists() or self.log(found).exists()):
                break
        return found

    @property
    def objects(self) -> Path:
        """The user's own objects, as runs used them."""
        return self.root / "objects"

    def turns(self, sweep_id: str) -> Path:
        """Locks of the trials of one sweep; a folder that is there while it runs."""
        return self.root / f".turns-{sweep_id}"

    @property
    def delivering(self) -> Path:
        """Lock of whoever delivers the journals."""
        return self.journals / ".delivering"

    @property
    def tracking(self) -> Path:
        """MLflow's database and artifacts, where no server is named."""
        return self.root / "mlflow"

    @property
    def identity(self) -> str:
        """A name of this workspace that no other has, made up when first asked for."""
        path = self.journals / ".workspace"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_atomically(path) as temporary:
                temporary.write_text(uuid.uuid4().hex)
        return path.read_text()

    def log(self, run_id: str) -> Path:
        """All that one run has to say."""
        return self.root / "logs" / f"{run_id}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the workspace for one run; the lock ends with the process, however it ends.

        Raises:
          WorkspaceError: it cannot be written, its disk is full, it is of another version, or
            another run or program holds it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.root / ".lock", timeout=0)
            lock.acquire()
        except filelock.Timeout as error:
            raise WorkspaceError(
                f"another run is using the workspace {self.root}; wait for it, or choose another: "
                "--workspace other"
            ) from error
        except OSError as error:
            raise WorkspaceError.unwritable(self.root, error) from error
        try:
            self._refuse_full_disk()
            self._refuse_other_version()
            self._refuse_locked_metadata()
            yield
        finally:
            lock.release()

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self.root).free
        if free < LEAST_FREE:
            raise WorkspaceError(
                f"workspace: expected {LEAST_FREE / 2**20:.0f} MiB or more that are free on its "
                f"disk, received {self.root} with {free / 2**20:.1f}; free some, or write a folder "
                "on another disk: --workspace ~/huberflow"
            )

    def _refuse_other_version(self) -> None:
        """Writes the version where there is none yet: the workspace is new."""
        path = self.root / "version"
        if not path.exists():
            with written_atomically(path) as temporary:
                temporary.write_text(f"{VERSION}\n", encoding="utf-8")
            return
        found = path.read_text(encoding="utf-8", errors="replace").strip()
        if found != VERSION:
            raise WorkspaceError(
                f"workspace: expected one of version {VERSION}, received {self.root} of version "
                f"{found!r}, which another huberflow has made; run that one, or choose another "
                "workspace: --workspace other"
            )

    def _refuse_locked_metadata(self) -> None:
        """ML Metadata would wait for half a minute, and not say for what.

        Only while nothing in this process has the file open: SQLite there would lose its own locks.
        """
        if not self.metadata.exists():
            return
        try:
            database = sqlite3.connect(self.metadata, LOCK_PATIENCE, isolation_level=None)
            with closing(database):
                database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                return  # no database, perhaps: whoever reads it says so
            raise WorkspaceError(
                f"{self.metadata}: expected a database that can be written, received one that "
                f"another program has locked for {LOCK_PATIENCE} s; end that program, or choose "
                "another workspace: --workspace other"
            ) from error
