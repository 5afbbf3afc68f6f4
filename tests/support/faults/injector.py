"""The library that strikes one change on disk of a run, and the plan that it follows."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
from enum import IntEnum
from pathlib import Path

PLAN = "FAULT_PLAN"
"""The variable that names the plan; a process without it is left alone."""


class Kind(IntEnum):
    """What happens at the change; as in injector.c."""

    NOTHING = 0
    KILL = 1
    FAIL_ONCE = 2
    FAIL_FROM_HERE = 3
    SHORT = 4
    PAUSE = 5
    CLOCK = 6


class Role(IntEnum):
    """Which process of a run it happens in."""

    RUN = 0
    DELIVERY = 1
    CHECK = 2


class Layout(ctypes.Structure):
    """``struct plan`` of injector.c."""

    _fields_ = (
        ("seen", ctypes.c_long * 3),
        ("at", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("role", ctypes.c_int),
        ("kind", ctypes.c_int),
        ("error", ctypes.c_int),
        ("begun", ctypes.c_int),
        ("struck", ctypes.c_int),
        ("resumed", ctypes.c_int),
        ("event", ctypes.c_char * 64),
        ("node", ctypes.c_char * 64),
        ("place", ctypes.c_char * 1024),
        ("change", ctypes.c_char * 1024),
        ("trace", ctypes.c_char * 1024),
    )


class Plan:
    """A plan in a file that the processes of one run share.

    Args:
      path: the file; it lies outside the place.
      place: the folder below which changes count.
      trace: a file that gets a line per change; None for none.
    """

    def __init__(self, path: Path, place: Path, trace: Path | None = None) -> None:
        path.write_bytes(bytes(ctypes.sizeof(Layout)))
        with path.open("r+b") as file:
            self.shared = Layout.from_buffer(mmap.mmap(file.fileno(), 0))
        self.variables = {PLAN: str(path)}
        self.shared.place = os.fsencode(place)
        if trace is not None:
            trace.write_text("")
            self.shared.trace = os.fsencode(trace)

    def strike(
        self,
        kind: Kind,
        at: int,
        role: Role = Role.RUN,
        *,
        since: tuple[str, str] = ("", ""),
        error: int = 0,
        seconds: int = 0,
    ) -> None:
        """Plans what happens at a change, counted from 1 in the processes of that role.

        Args:
          kind: what happens.
          at: the change.
          role: the process.
          since: the event in the journal, and its node or "", from which the run's changes count.
          error: the number of the error, where it fails.
          seconds: that the clock is changed by.
        """
        event, node = since
        self.shared.event, self.shared.node = event.encode(), node.encode()
        self.shared.error, self.shared.seconds = error, seconds
        self.shared.role, self.shared.kind, self.shared.at = role, kind, at

    @property
    def struck(self) -> bool:
        return bool(self.shared.struck)

    @property
    def change(self) -> str:
        """The call and the path that were struck."""
        return os.fsdecode(self.shared.change)

    def resume(self) -> None:
        """Lets a paused run go on."""
        self.shared.resumed = 1


def compiled(folder: Path) -> Path:
    """The library, compiled into a folder."""
    library = folder / "injector.so"
    source = Path(__file__).with_name("injector.c")
    command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-Wno-nonnull-compare"]
    subprocess.run([*command, "-o", library, source, "-ldl"], check=True)
    return library
