"""Work for the processes of test_pool.py, which import it by the name of this module."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def square(numbers: Iterator[int]) -> Iterator[int]:
    for number in numbers:
        yield number**2


def process_id(jobs: Iterator[int]) -> Iterator[int]:
    for _ in jobs:
        yield os.getpid()


def meet(places: Iterator[tuple[Path, Path]]) -> Iterator[bool]:
    """A job ends once another has begun: alone it would wait for ever."""
    for mine, other in places:
        mine.touch()
        while not other.exists():
            time.sleep(0.01)
        yield True


def die_at_three(numbers: Iterator[int]) -> Iterator[int]:
    for number in numbers:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield number


def leave_files(folders: Iterator[Path]) -> Iterator[None]:
    """Leaves a file for the process at its first job, and another when there are no more."""
    for folder in folders:
        (folder / f"began-{os.getpid()}").touch()
        yield
    (folder / f"ended-{os.getpid()}").touch()


def wait_for_the_end(folders: Iterator[Path]) -> Iterator[None]:
    """Stops at SIGTERM alone, and leaves a file then."""
    folder = next(folders)

    def close(*_):
        (folder / "closed").touch()
        raise SystemExit

    signal.signal(signal.SIGTERM, close)
    (folder / str(os.getpid())).touch()
    while True:
        signal.pause()
    yield
