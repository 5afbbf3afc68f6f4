"""How a run ends early: the cause of a failure in one line, and its end from outside."""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
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
    Signals that the program handles in its own way stay with it, and all of them in a thread, which
    gets none.
    """
    arrived = list[KeyboardInterrupt]()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:  # the shell and the kernel each send one
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        arrived.append(KeyboardInterrupt(signal.Signals(number).name))
        raise arrived[-1]

    ends = [each for each in _ENDS if signal.getsignal(each) in _BY_DEFAULT]
    if not ends or threading.current_thread() is not threading.main_thread():
        yield
        return
    with handled(ends, interrupt), _sent_again_where_ignored():
        token = _arrived.set(arrived)
        try:
            yield
        finally:
            _arrived.reset(token)


_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_BY_DEFAULT = (signal.SIG_DFL, signal.default_int_handler)
_arrived: ContextVar[list[KeyboardInterrupt]] = ContextVar("interrupts that have arrived")


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Inside the block an error that a library has made of an interrupt is that interrupt again.

    TensorFlow's C++ code does so where the signal comes while it makes a Python error.
    """
    arrived = _arrived.get([])
    before = len(arrived)
    try:
        yield
    except Exception as error:
        if len(arrived) == before:
            raise
        raise arrived[-1] from error


@contextmanager
def _sent_again_where_ignored() -> Iterator[None]:
    """Inside the block an interrupt that Python ignores, within a ``__del__``, comes again.

    At the end of each epoch TensorFlow deletes objects in this way.
    """
    before, timers = sys.unraisablehook, list[threading.Timer]()

    def hook(ignored: "sys.UnraisableHookArgs") -> None:
        if not isinstance(ignored.exc_value, KeyboardInterrupt):
            before(ignored)
            return
        (name,) = ignored.exc_value.args or [signal.SIGINT.name]
        timers.append(threading.Timer(0.1, os.kill, (os.getpid(), signal.Signals[name])))
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
