"""Recognises errors that a disk causes: it is full, read-only, or broken."""

import errno
import os
from collections.abc import Iterator

from huberflow.pipeline.system.interruption import first_line

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS,)
_BROKEN = (errno.EIO,)

_READ_ONLY_OR_BROKEN = ()

_SQLITE = {
    _FULL: ("database or disk is full",),
    _READ_ONLY: (),
    _BROKEN: ("disk I/O error", "unable to open database file"),
    # It opens for reading what it could not open for writing, for whatever reason.
    _READ_ONLY_OR_BROKEN: ("attempt to write a readonly database",),
}
"""SQLite's words. Those of the system are in the messages of TensorFlow and ML Metadata, too."""

_WORDS = {
    _READ_ONLY: "is read-only",
    _BROKEN: "fails",
    _READ_ONLY_OR_BROKEN: "is read-only or fails",
}


def disk_is_full(error: BaseException | None) -> bool:
    """Whether a full disk is the error, or a cause of it.

    Example::

        >>> disk_is_full(OSError(errno.ENOSPC, "No space left on device"))
        True
    """
    return any(_is(each, _FULL) for each in _chain(error))


def disk_failure(error: BaseException | None) -> str | None:
    """What to tell the user, in one line, where a disk is the cause; None for any other error.

    Example::

        >>> disk_failure(OSError(errno.EIO, "Input/output error", "/data/journal"))
        'the disk fails: Input/output error: /data/journal; run again when it can be written'
        >>> disk_failure(ValueError("no rows"))
    """
    if disk_is_full(error):
        return "the disk is full; free some space, and run again to continue"
    for each in _chain(error):
        for kinds, what in _WORDS.items():
            if _is(each, kinds):
                return f"the disk {what}: {_words(each)}; run again when it can be written"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is(error: BaseException, kinds: tuple[int, ...]) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in kinds
    words = (*map(os.strerror, kinds), *_SQLITE[kinds])
    return any(text in str(error) for text in words)


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    return first_line(error)
