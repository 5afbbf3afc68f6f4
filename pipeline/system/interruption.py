"""How a run ends early: the cause of a failure in one line, and its end from outside."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without the suffix that Beam adds to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    return text.partition(" [while running")[0] or type(error).__name__


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Inside the block SIGTERM and SIGHUP raise KeyboardInterrupt, so that every cleanup runs.

    SIGHUP comes where a terminal is lost. Under ``nohup``, which ignores it, the block goes on.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:  # the shell and the kernel each send one
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if (number, handler) != (signal.SIGHUP, signal.SIG_IGN):
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
