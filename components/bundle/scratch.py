"""Temporary folders beside a folder that is being written."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """A temporary folder on the same disk, so that what is written there can be renamed.

    Those that killed processes of this machine left for the same folder are removed first.

    Args:
      beside: the folder that is being written; its parents are made.
    """
    beside.parent.mkdir(parents=True, exist_ok=True)
    host = f".{beside.name}.{socket.gethostname()}."
    for left in beside.parent.iterdir():
        if left.name.startswith(host) and not _is_alive(left.name.removeprefix(host)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{host}{os.getpid()}.", dir=beside.parent) as folder:
        yield Path(folder)


def _is_alive(process: str) -> bool:
    """Whether a process runs; ``process`` begins with its id."""
    try:
        os.kill(int(process.partition(".")[0]), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):  # no folder of ours, or another user's process
        return True
    return True
