"""A terminal that may be lost while a run goes on."""

import errno
import os
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Terminal(FileIO):
    """A terminal that may be lost meanwhile; what is written then is dropped, and the run goes on.

    A closed pipe is another matter: its reader wants no more.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        """The number of bytes that were written, or dropped."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def lasting(stream: TextIO) -> TextIO:
    """The stream, or where it is a terminal, one to it that drops what is written once it is lost.

    Example::

        >>> import sys
        >>> print("done", file=lasting(sys.stdout))
        done
    """
    if not (stream and stream.isatty()):  # Python has none where it was closed
        return stream
    raw = Terminal(os.dup(stream.fileno()), "w")
    return TextIOWrapper(BufferedWriter(raw), stream.encoding, stream.errors, line_buffering=True)
