"""The fresh process in which a user's modules are imported and validated."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from huberflow.components.objects.protocol import Answer, Question
from huberflow.custom_objects.input_error import InputError
from huberflow.pipeline.objects import module_sources
from huberflow.pipeline.objects.module_sources import ModuleSource

PATIENCE = 300
"""Seconds that the validation of all modules may take."""


class ValidatingProcess:
    """A Python that sees a copy of the user's modules, and what is installed."""

    def __init__(self, sources: Sequence[ModuleSource]) -> None:
        self._sources = list(sources)
        self._folder = tempfile.TemporaryDirectory(prefix="huberflow-objects-")
        folder = Path(self._folder.name).resolve()
        module_sources.copy(sources, folder)
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed in close)
        self._python = subprocess.Popen(
            # -P: the current folder is no place to import from; a worker has another.
            [sys.executable, "-P", "-m", "huberflow.components.objects", str(folder)],
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
        atexit.register(self.close)

    @classmethod
    def of(cls, sources: Sequence[ModuleSource]) -> "ValidatingProcess":
        """The process that has imported these modules already, else a new one."""
        if _waiting and _waiting[0]._sources == list(sources):
            return _waiting[0]
        cls.end()
        _waiting.append(cls(sources))
        return _waiting[0]

    @staticmethod
    def end() -> None:
        """Ends the process that waits for the next question, if one does."""
        for process in list(_waiting):
            process.close()

    def answer(self, question: Question) -> Answer:
        """The answer of ``huberflow.components.objects``.

        Raises:
          InputError: the process ended, or took too long.
        """
        limit = threading.Timer(PATIENCE, self._python.kill)
        limit.start()
        try:
            line = self._exchange(question.to_text())
        finally:
            limit.cancel()
        if not line:
            raise self._error()
        return Answer.from_json(json.loads(line))

    def _exchange(self, question: str) -> str:
        """The line that answers ``question``; empty where the process has ended."""
        assert self._python.stdin is not None  # noqa: S101 (for the type)
        assert self._python.stdout is not None  # noqa: S101 (for the type)
        try:
            self._python.stdin.write(question + "\n")
            self._python.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._python.stdout.readline()

    def _error(self) -> InputError:
        code = self._python.wait()
        self._log.seek(0)
        last = (self._log.read().strip().splitlines() or ["it wrote nothing"])[-1]
        self.close()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return InputError(
            ", ".join(str(source.path) for source in self._sources),
            expected=f"a module that can be imported and validated within {PATIENCE} s",
            received=f"the end of its process, with {how}: {last}",
        )

    def close(self) -> None:
        """Ends the process, even while it works, and removes its copy."""
        atexit.unregister(self.close)
        if self in _waiting:
            _waiting.remove(self)
        self._python.kill()
        self._python.communicate()
        self._log.close()
        self._folder.cleanup()


_waiting: list[ValidatingProcess] = []
