"""How a run ends early: the cause of a failure in one line, and its end from outside."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Timer
from types import FrameType


def first_line(error: BaseException) -> str:
    """The first line of an error's message, without what Beam and ML Metadata add to it.

    Example::

        >>> first_line(RuntimeError("Error when executing query: disk I/O error query: COMMIT;"))
        'disk I/O error'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    text = re.sub(r"Error when executing query: (.*?) query:.*", r"\1", text)
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

    is_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    ends = [signal.SIGTERM] if is_nohup else [signal.SIGTERM, signal.SIGHUP]
    with handled(ends, interrupt), _sent_again_where_ignored():
        yield


@contextmanager
def _sent_again_where_ignored() -> Iterator[None]:
    """Inside the block an interrupt that Python ignores, within a ``__del__``, comes again.

    At the end of each epoch TensorFlow deletes objects in this way.
    """
    before, timers = sys.unraisablehook, list[Timer]()

    def hook(ignored: "sys.UnraisableHookArgs") -> None:
        if not isinstance(ignored.exc_value, KeyboardInterrupt):
            before(ignored)
            return
        number = signal.SIGTERM if ignored.exc_value.args else signal.SIGINT
        timers.append(Timer(0.1, os.kill, (os.getpid(), number)))
        timers[-1].start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
        for timer in timers:
            timer.cancel()


@contextmanager
def handled(
    signals: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Inside the block these signals are handled so, and after it as before."""
    before = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
