"""How a run ends before its time: the cause in one line, and signals."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def first_line(error: BaseException) -> str:
    """One line that says what went wrong: the innermost message, TFX's and Beam's wrapping off."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    return text.partition(" [while running")[0] or type(error).__name__


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """SIGTERM unwinds like Ctrl-C, so that nothing is left half done."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
