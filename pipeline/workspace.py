"""The folder that a run writes, and nothing outside it."""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import filelock


class WorkspaceError(Exception):
    """The workspace cannot be used; the message says why and what to do."""


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
        """Locks of the points of one sweep; a folder that is there while it runs."""
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
            aside = path.with_suffix(f".{uuid.uuid4().hex}")
            aside.write_text(uuid.uuid4().hex)
            aside.rename(path)
        return path.read_text()

    def log(self, run_id: str) -> Path:
        """All that one run has to say."""
        return self.root / "logs" / f"{run_id}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the workspace for one run; the lock ends with the process, however it ends.

        Raises:
          WorkspaceError: it cannot be written, or another run holds it.
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
            raise WorkspaceError(
                f"workspace: expected a folder that can be written, received {self.root} "
                f"({error.strerror}); write: --workspace ~/huberflow"
            ) from error
        try:
            yield
        finally:
            lock.release()
