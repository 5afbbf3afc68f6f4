"""The faults, and what is promised for each."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum

from faults.injector import Kind, Role


class End(Enum):
    """How a run may end."""

    KILLED = "killed"
    STOPPED = "stopped"
    """With an error, or well where the fault did no harm."""
    WELL = "well"


@dataclass(frozen=True)
class Fault:
    """A kind of fault."""

    name: str
    end: End
    kind: Kind
    role: Role = Role.RUN
    error: int = 0
    """The number that calls end with."""
    cause: str = ""
    """What the line on the terminal says, as a pattern."""
    surrounding: str = ""
    """What the tool does beside the run: a method of ``surroundings``."""

    needs_root: bool = False
    """Whether it takes a disk of its own, or a network that can be left."""

    @property
    def by_change(self) -> bool:
        """Whether it strikes at a change on disk."""
        return self.kind is not Kind.NOTHING


_FULL = "the disk is full"
_IO = "Input/output error|disk I/O error|unable to open database file|read-only or fails"
_READ_ONLY = f"Read-only file system|readonly database|{_IO}"

FAULTS = (
    Fault("killed (SIGKILL)", End.KILLED, Kind.KILL),
    Fault(
        "ended (SIGTERM)", End.STOPPED, Kind.PAUSE, cause="interrupted", surrounding="terminated"
    ),
    Fault("disk full", End.STOPPED, Kind.PAUSE, cause=_FULL, surrounding="full", needs_root=True),
    Fault(
        "quota exceeded",
        End.STOPPED,
        Kind.FAIL_FROM_HERE,
        error=errno.EDQUOT,
        cause=f"{_FULL}|Disk quota exceeded|{_IO}",
    ),
    Fault(
        "disk becomes read-only",
        End.STOPPED,
        Kind.FAIL_FROM_HERE,
        error=errno.EROFS,
        cause=_READ_ONLY,
    ),
    Fault("one I/O error", End.STOPPED, Kind.FAIL_ONCE, error=errno.EIO, cause=_IO),
    Fault("disk dies (I/O errors)", End.STOPPED, Kind.FAIL_FROM_HERE, error=errno.EIO, cause=_IO),
    Fault("short write", End.WELL, Kind.SHORT),
    Fault("metadata.sqlite locked", End.WELL, Kind.PAUSE, surrounding="metadata_locked"),
    Fault("mlflow.db locked", End.WELL, Kind.PAUSE, surrounding="mlflow_locked"),
    Fault("clock goes back", End.WELL, Kind.CLOCK),
    Fault("no network", End.WELL, Kind.NOTHING, surrounding="no_network", needs_root=True),
    Fault("tracker gone", End.WELL, Kind.NOTHING, surrounding="tracker_gone"),
    Fault("tracker slow", End.WELL, Kind.NOTHING, surrounding="tracker_slow"),
    Fault("tracker lies", End.WELL, Kind.NOTHING, surrounding="tracker_lies"),
    Fault("delivery killed", End.WELL, Kind.KILL, Role.DELIVERY),
    Fault("delivery: disk full", End.WELL, Kind.FAIL_FROM_HERE, Role.DELIVERY, errno.ENOSPC),
    Fault("delivery: one I/O error", End.WELL, Kind.FAIL_ONCE, Role.DELIVERY, errno.EIO),
    Fault("check of the export killed", End.STOPPED, Kind.KILL, Role.CHECK, cause="ServingExport"),
    Fault(
        "check of the export: disk full",
        End.STOPPED,
        Kind.FAIL_FROM_HERE,
        Role.CHECK,
        errno.ENOSPC,
        f"ServingExport|{_FULL}",
    ),
)

FATAL = tuple(fault for fault in FAULTS if fault.end is not End.WELL and fault.role is Role.RUN)
LAST = tuple(fault for fault in FAULTS if fault not in FATAL)
"""Those after which a run mostly ends well, so that no other can follow in its workspace."""

BY_NAME = {fault.name: fault for fault in FAULTS}
