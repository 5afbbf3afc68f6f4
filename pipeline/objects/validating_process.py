"""The fresh process in which a user's modules are imported and validated."""

import os
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from huberflow.components.objects.protocol import Answer, Question
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.objects import module_sources
from huberflow.pipeline.objects.module_sources import ModuleSource

PATIENCE = 300
"""Seconds that the validation of all modules may take."""


class ValidatingProcess:
    """A Python that sees a copy of the user's modules, and what is installed."""

    def __init__(self, sources: tuple[ModuleSource, ...]) -> None:
        self._sources = sources
        folder = tempfile.TemporaryDirectory(prefix="huberflow-objects-")
        copied = Path(folder.name).resolve()
        module_sources.copy(sources, copied)
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed with it)
        self._python = subprocess.Popen(
            # -P: the current folder is no place to import from; a worker has another.
            [sys.executable, "-P", "-m", "huberflow.components.objects.validation", str(copied)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={
                **os.environ,
                "TF_USE_LEGACY_KERAS": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "-1",  # a GPU's memory belongs to the Trainer
            },
        )
        weakref.finalize(self, _end, self._python, self._log, folder)

    def answer(self, question: Question) -> Answer:
        """The answer of ``huberflow.components.objects.validation``.

        Raises:
          InputError: the process ended, or took too long.
        """
        limit, line = threading.Timer(PATIENCE, self._python.kill), ""
        limit.start()
        with suppress(BrokenPipeError):  # it has ended
            print(question.to_text(), file=self._python.stdin, flush=True)
            line = self._python.stdout.readline() if self._python.stdout else ""
        limit.cancel()
        if line:
            return Answer.from_text(line)
        validating_process.cache_clear()
        code = self._python.wait()
        self._log.seek(0)
        last = (self._log.read().strip().splitlines() or ["it wrote nothing"])[-1]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise InputError(
            ", ".join(str(source.path) for source in self._sources),
            expected=f"a module that can be imported and validated within {PATIENCE} s",
            received=f"the end of its process, with {how}: {last}",
        )


def _end(
    python: "subprocess.Popen[str]", log: IO[str], folder: "tempfile.TemporaryDirectory[str]"
) -> None:
    """Ends the process, even while it works, and removes its copy of the modules."""
    python.kill()
    python.communicate()
    log.close()
    folder.cleanup()


validating_process = lru_cache(maxsize=1)(ValidatingProcess)
"""The process that has imported these modules already, else a new one; ``cache_clear`` ends it."""
