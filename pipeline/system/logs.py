"""Sends what libraries print to a file, so that the terminal shows the run and nothing else."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def captured(path: Path, *, verbose: bool) -> Iterator[IO[str]]:
    """All of stdout, stderr and logging goes to ``path``; yields the terminal that was stdout.

    The file descriptors themselves are redirected, because TensorFlow's C++ writes to them.

    Args:
      path: log file, appended to.
      verbose: show it all on stderr too; C++ messages then go there alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", buffering=1) as log, _logging_to(log, verbose):
        if verbose:
            yield sys.stdout
            return
        sys.stdout.flush()
        sys.stderr.flush()
        terminal, errors = os.dup(1), os.dup(2)
        try:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            with os.fdopen(os.dup(terminal), "w", encoding="utf-8", buffering=1) as stream:
                yield stream
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(terminal, 1)
            os.dup2(errors, 2)
            os.close(terminal)
            os.close(errors)


@contextmanager
def quiet() -> Iterator[IO[str]]:
    """Keeps off the terminal, which it yields, what TensorFlow finds worth saying of a machine."""
    with (
        tempfile.TemporaryDirectory() as aside,
        captured(Path(aside, "log"), verbose=False) as terminal,
    ):
        yield terminal


@contextmanager
def _logging_to(log: IO[str], verbose: bool) -> Iterator[None]:
    root = logging.getLogger()
    handlers: list[logging.Handler] = [logging.StreamHandler(log)]
    if verbose:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
    before, level = root.handlers, root.level
    root.handlers, root.level = handlers, logging.INFO
    logging.captureWarnings(True)
    try:
        yield
    finally:
        root.handlers, root.level = before, level
        logging.captureWarnings(False)
