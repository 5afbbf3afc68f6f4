"""The folder that a run writes, and nothing outside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock


class WorkspaceError(Exception):
    """The workspace cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Workspace:
    """Where everything lies; deleting ``root`` is a full reset."""

    root: Path

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
