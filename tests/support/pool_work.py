"""Tasks for the workers of test_pool.py, which import them by the name of this module."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def prepared():
    yield


@contextmanager
def noted(folder: Path):
    """Leaves a file while a worker is at work, and another after it."""
    (folder / f"began-{os.getpid()}").touch()
    yield
    (folder / f"ended-{os.getpid()}").touch()


def square(number: int) -> int:
    return number**2


def process(number: int) -> int:
    return os.getpid()


def meet(places: tuple[Path, Path]) -> bool:
    """Ends once another has begun: alone it would wait for ever."""
    mine, other = places
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    return True


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait_for_the_end(folder: Path) -> None:
    """Interrupted by nothing but SIGTERM, which it survives long enough to close its books."""

    def close(*_):
        (folder / "closed").touch()
        raise SystemExit

    signal.signal(signal.SIGTERM, close)
    (folder / str(os.getpid())).touch()
    while True:
        signal.pause()
