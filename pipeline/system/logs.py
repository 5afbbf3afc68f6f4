"""Redirects what libraries print to a log file, so that the terminal shows the run alone."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter, TextIOWrapper
from pathlib import Path
from typing import IO, TextIO

from huberflow.pipeline.system.private_files import only_for_owner
from huberflow.pipeline.system.terminal import Terminal

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def captured(path: Path, *, verbose: bool) -> Iterator[IO[str]]:
    """Redirects stdout, stderr and logging to ``path``; yields the terminal that was stdout.

    The file descriptors themselves are redirected, because TensorFlow's C++ code writes to them.

    Args:
      path: the log file, for its owner alone; new lines are appended.
      verbose: leave stdout and stderr as they are; logging goes to both stderr and the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(path, "a", encoding="utf-8", buffering=1, opener=only_for_owner) as log,
        _logging_to(log, verbose),
    ):
        if verbose:
            yield sys.stdout
            return
        sys.stdout.flush()
        sys.stderr.flush()
        terminal, errors = os.dup(1), os.dup(2)
        try:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            raw = Terminal(os.dup(terminal), "w")
            with TextIOWrapper(BufferedWriter(raw), "utf-8", line_buffering=True) as stream:
                yield stream
        except BaseException as error:
            _forget_variables(error)
            raise
        finally:
            _flush_or_drop(sys.stdout)
            _flush_or_drop(sys.stderr)
            os.dup2(terminal, 1)
            os.dup2(errors, 2)
            os.close(terminal)
            os.close(errors)


def _forget_variables(error: BaseException | None) -> None:
    """Deletes what an error's frames hold: TensorFlow's iterators print a line when they go."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _flush_or_drop(stream: TextIO) -> None:
    """Writes what is left into the log; where its disk is full, that is lost, not the terminal."""
    try:
        stream.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        stream.flush()


@contextmanager
def quiet() -> Iterator[IO[str]]:
    """Discards what libraries print inside the block; yields the terminal."""
    with (
        tempfile.TemporaryDirectory() as folder,
        captured(Path(folder, "log"), verbose=False) as terminal,
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
