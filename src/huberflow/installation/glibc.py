"""The C library of this machine, and whether published wheels are too new for it."""

import platform

OLDEST, STOCK = (2, 34), (2, 39)
"""The oldest glibc on which repaired wheels load, and the oldest on which published ones do."""

NEWER_WHEELS = "--python-platform x86_64-manylinux_2_39"
"""The option with which uv installs wheels that are published for ``STOCK``."""


def version() -> tuple[int, int] | None:
    """The running glibc as ``(major, minor)``; None on macOS, Windows and musl."""
    name, text = platform.libc_ver()
    if name != "glibc":
        return None
    major, minor, *_ = text.split(".")
    return int(major), int(minor)


def needs_repair(glibc: tuple[int, int] | None) -> bool:
    """Whether the published wheels refuse this glibc, and load after the repair."""
    return glibc is not None and OLDEST <= glibc < STOCK
