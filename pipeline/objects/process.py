"""The fresh process in which a user's modules are imported and tried."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huberflow.pipeline.objects import sources
from huberflow.pipeline.objects.sources import ObjectsError, Source

PATIENCE = 300
"""Seconds that a module may take to be imported and tried."""


class Process:
    """A Python that sees a copy of the user's modules, and of the rest what is installed."""

    def __init__(self, found: Sequence[Source]) -> None:
        self._sources = list(found)
        self._folder = tempfile.TemporaryDirectory(prefix="huberflow-objects-")
        folder = Path(self._folder.name).resolve()
        sources.copy(found, folder)
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed in close)
        self._python = subprocess.Popen(
            # -P: where it is started is no place to import from; a worker has another.
            [sys.executable, "-P", "-m", "huberflow.components.objects", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={
                **os.environ,
                "TF_USE_LEGACY_KERAS": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "-1",  # a GPU's memory belongs to who trains
            },
        )
        atexit.register(self.close)

    @classmethod
    def of(cls, found: Sequence[Source]) -> "Process":
        """The process that has tried these modules already, else a new one."""
        if _kept and _kept[0]._sources == list(found):
            return _kept[0]
        cls.end()
        _kept.append(cls(found))
        return _kept[0]

    @staticmethod
    def end() -> None:
        """Ends the one that waits, if one does."""
        for process in list(_kept):
            process.close()

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """What ``huberflow.components.objects`` says of the modules, or of what is asked of them.

        Raises:
          ObjectsError: the process ended, or took too long.
        """
        modules = [
            {
                "name": each.name,
                "file": each.file,
                "origin": str(each.folder),
                "offers": each.offers,
            }
            for each in self._sources
        ]
        limit = threading.Timer(PATIENCE, self._python.kill)
        limit.start()
        try:
            self._write(json.dumps({"modules": modules, **question}))
            said = self._read()
        finally:
            limit.cancel()
        if not said:
            raise ObjectsError(self._end())
        return json.loads(said)

    def _write(self, question: str) -> None:
        assert self._python.stdin is not None  # noqa: S101 (for the type)
        try:
            self._python.stdin.write(question + "\n")
            self._python.stdin.flush()
        except BrokenPipeError:
            return  # it has ended; there will be no answer

    def _read(self) -> str:
        assert self._python.stdout is not None  # noqa: S101 (for the type)
        return self._python.stdout.readline()

    def _end(self) -> str:
        code = self._python.wait()
        self._log.seek(0)
        last = (self._log.read().strip().splitlines() or ["it said nothing"])[-1]
        self.close()
        files = ", ".join(str(each.folder / each.file) for each in self._sources)
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return (
            f"{files}: expected a module that can be imported and tried within {PATIENCE} s, "
            f"received the end of its process, with {how}: {last}"
        )

    def close(self) -> None:
        """Ends it, whatever it does, and removes its copy."""
        atexit.unregister(self.close)
        if self in _kept:
            _kept.remove(self)
        self._python.kill()
        self._python.communicate()
        self._log.close()
        self._folder.cleanup()


_kept: list[Process] = []
