"""Folders of artifacts as local folders, also where they lie on a remote filesystem."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx.utils import io_utils


@contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """The folder itself where it is on a local disk; else a copy, for the block."""
    if not is_remote(uri):
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        io_utils.copy_dir(uri, str(copy))
        yield copy


@contextmanager
def local_output(uri: str) -> Iterator[Path]:
    """A new folder to write; one for a remote filesystem is copied there after the block."""
    if not is_remote(uri):
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "written")
        yield written
        io_utils.copy_dir(str(written), uri)


def is_remote(uri: str) -> bool:
    """Whether only TFX's ``fileio`` reaches it, such as ``gs://bucket/folder``."""
    return "://" in uri
