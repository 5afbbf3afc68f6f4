"""The workspace: the one folder that runs write, and where each thing lies in it."""

import glob
import itertools
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import filelock

from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.history.lock_watch import locked_by
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.private_files import only_for_owner
from huberflow.pipeline.system.utf8 import check_utf8

VERSION = "1"
"""The version of the layout; a workspace of another version cannot be read."""

LOCK_PATIENCE = 10
"""Seconds to wait for another program that has locked the database."""

LEAST_FREE = 100 * 2**20
"""Bytes of free space that a run needs on its disk."""


def unwritable(folder: Path, error: OSError) -> InputError:
    """The refusal of a folder that the system does not allow to be written."""
    return InputError(
        "workspace",
        expected="a folder that can be written",
        received=f"{folder} ({error.strerror})",
        write="--workspace ~/huberflow",
    )


def _refusal(expected: str, received: str, remedy: str) -> InputError:
    hint = f"{remedy}, or choose another workspace"
    return InputError(
        "workspace", expected=expected, received=received, hint=hint, write="--workspace other"
    )


@dataclass(frozen=True)
class Workspace:
    """The paths below one folder; deleting ``root`` is a full reset."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> "Workspace":
        """The workspace in a folder as a user writes it, such as ``~/runs``.

        Raises:
          InputError: the folder's name is not UTF-8, or TFX would take it for a pattern.
        """
        root = folder.expanduser().absolute()
        check_utf8("workspace", str(root))
        if glob.has_magic(str(root)):
            raise InputError(
                "workspace",
                expected="a folder without * ? or [ in its path, which TFX takes for a pattern",
                received=str(root),
                write="--workspace ~/huberflow",
            )
        return cls(root)

    @property
    def metadata(self) -> Path:
        """The SQLite file of ML Metadata: executions, artifacts, and what used what."""
        return self.root / "metadata.sqlite"

    @property
    def artifacts(self) -> Path:
        """The artifacts that nodes write."""
        return self.root / "artifacts"

    def serving(self, name: str) -> Path:
        """The pushed versions of one model."""
        return self.root / "serving" / name

    @property
    def journals(self) -> Path:
        """The folder of the journals."""
        return self.root / "journal"

    def journal(self, run_id: str) -> Path:
        """The journal of one run: what it did, event by event."""
        return self.journals / f"{run_id}.jsonl"

    def new_id(self, now: datetime) -> str:
        """An id for a run that starts now: its time, and a number where that is taken."""
        first = f"{now:%Y-%m-%dT%H-%M-%S}"
        for number in itertools.count(1):
            run_id = first if number == 1 else f"{first}-{number}"
            if not (self.journal(run_id).exists() or self.log(run_id).exists()):
                break
        return run_id

    @property
    def objects(self) -> Path:
        """The sources of custom objects, as runs used them."""
        return self.root / "objects"

    def trial_locks(self, sweep_id: str) -> Path:
        """The locks of a sweep's trials; the folder exists while the sweep runs."""
        return self.root / f".trials-{sweep_id}"

    @property
    def delivery_lock(self) -> Path:
        """The lock of the process that delivers the journals."""
        return self.journals / ".delivery_lock"

    @property
    def tracking(self) -> Path:
        """MLflow's database and artifacts, unless a server is configured."""
        return self.root / "mlflow"

    @property
    def tracked_files(self) -> Path:
        """MLflow's artifacts, unless a server has its own place for them."""
        return self.tracking / "artifacts"

    @property
    def identity(self) -> str:
        """A random id of this workspace, created when it is first used."""
        if not self._identity_file.exists():
            self.identify(uuid.uuid4().hex)
        return self._identity_file.read_text()

    def identify(self, identity: str) -> None:
        """Gives a new workspace its id."""
        self._identity_file.parent.mkdir(parents=True, exist_ok=True)
        with written_atomically(self._identity_file) as temporary:
            temporary.write_text(identity)

    @property
    def _identity_file(self) -> Path:
        return self.journals / ".workspace"

    def log(self, run_id: str) -> Path:
        """The log of one run."""
        return self.root / "logs" / f"{run_id}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the workspace for one run; the lock ends with the process, however that ends.

        Raises:
          InputError: it cannot be written, its disk is full, it is of another version, or another
            run or program has locked it.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.root / ".lock", timeout=0)
            lock.acquire()
        except filelock.Timeout as error:
            raise _refusal(
                "one that no other run is using", str(self.root), "wait for that run"
            ) from error
        except OSError as error:
            raise unwritable(self.root, error) from error
        try:
            self._check_free_space()
            self._check_version()
            self._check_metadata_lock()
            self._keep_private()
            yield
        finally:
            lock.release()

    def objects_to_write(self) -> Path:
        """The folder ``objects``, for what a run needs before it has locked the workspace.

        Raises:
          InputError: the workspace cannot be written, its disk is full, or it is of another
            version.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.root, error) from error
        self._check_free_space()
        self._check_version()
        return self.objects

    def _check_free_space(self) -> None:
        free = shutil.disk_usage(self.root).free
        if free < LEAST_FREE:
            raise _refusal(
                f"{LEAST_FREE / 2**20:.0f} MiB or more of free space on its disk",
                f"{self.root} with {free / 2**20:.1f} MiB",
                "free some space",
            )

    def _check_version(self) -> None:
        """Writes the version into a new workspace."""
        path = self.root / "version"
        if not path.exists():
            with written_atomically(path) as temporary:
                temporary.write_text(f"{VERSION}\n", encoding="utf-8")
            return
        version = path.read_text(encoding="utf-8", errors="replace").strip()
        if version != VERSION:
            raise _refusal(
                f"one of version {VERSION}",
                f"{self.root} of version {version!r}, made by another release",
                "run that release",
            )

    def _keep_private(self) -> None:
        """Takes what may hold secrets from other users; an empty database is for ML Metadata.

        Raises:
          InputError: the database is another user's.
        """
        try:
            open(self.metadata, "ab", opener=only_for_owner).close()
        except OSError as error:
            raise unwritable(self.metadata, error) from error
        logs = self.log("").parent
        for path in (self.metadata, self.tracking, *self.journals.glob("*"), *logs.glob("*")):
            if path.exists() and path.stat().st_mode & 0o077:
                with suppress(PermissionError):  # another user's, whose matter it is
                    path.chmod(0o700 if path.is_dir() else 0o600)

    def _check_metadata_lock(self) -> None:
        """Refuses a locked database, for which ML Metadata would wait half a minute in silence.

        Only while nothing in this process has the file open: SQLite would lose its locks there.
        """
        if not self.metadata.exists():
            return
        try:
            database = sqlite3.connect(self.metadata, LOCK_PATIENCE, isolation_level=None)
            with closing(database):
                database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                return  # perhaps no database at all, which is reported when it is read
            raise _refusal(
                "a database that can be written",
                f"{self.metadata}, locked for {LOCK_PATIENCE} s by {locked_by(self.metadata)}",
                "end that process",
            ) from error
