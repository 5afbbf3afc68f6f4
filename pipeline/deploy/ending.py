"""How a server ends: in a time that is known, whatever it is computing."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from huberflow.pipeline.system.interruption import handled

GRACE = 8.0
"""Seconds from SIGTERM to the end, by default: Docker kills after 10, Kubernetes after 30."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ending_within(seconds: float, loses: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Inside the block SIGTERM and Ctrl-C raise KeyboardInterrupt, and the process ends in time.

    So does SIGHUP, of a lost terminal, except under ``nohup``, which ignores it. Python would wait
    at its end for threads that compute, and TensorFlow cannot be interrupted. A second signal
    changes nothing.

    Args:
      seconds: from the signal; if the process has not ended by then, its exit code is 1.
      loses: whether this loses an answer; if not, the exit code is 0.
    """
    is_under_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    signals = _SIGNALS if is_under_nohup else (*_SIGNALS, signal.SIGHUP)

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        watch = threading.Timer(seconds, _leave, [seconds, loses])
        watch.daemon = True
        watch.start()
        raise KeyboardInterrupt(signal.Signals(number).name)

    with handled(signals, interrupt):
        yield


def _leave(seconds: float, loses: Callable[[], bool]) -> None:
    if not loses():
        os._exit(0)
    print(
        f"huberflow: ended after {seconds:g} seconds; what was being computed then is lost",
        file=sys.stderr,
        flush=True,
    )
    sys.stdout.flush()
    os._exit(1)
