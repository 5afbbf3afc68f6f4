"""A process that has imported TensorFlow and TFX, and forks for each run of ``huberflow``.

Run as a script it is that process. It has started no thread and no work of TensorFlow, so a child
is as a process of its own that has just imported all; what a run itself starts is started anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""For libraries that start one when they are imported: a fork would lose it."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    """Its exit code; negative for a signal."""
    output: str
    errors: str


class Warmed:
    """Starts the process, with a library preloaded.

    Args:
      library: for LD_PRELOAD.
      folder: for what commands print.
    """

    def __init__(self, library: Path, folder: Path) -> None:
        self._streams = [folder / "stdout", folder / "stderr"]
        log = folder / "warmed.log"
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "LD_PRELOAD": str(library), **_NO_THREADS},
            )
        assert self._answer() == "ready", log.read_text()

    def run(
        self,
        *arguments: str,
        folder: Path,
        variables: Mapping[str, str],
        meanwhile: Callable[[int], None] = lambda process: None,
        network: bool = True,
    ) -> Ended:
        """Runs ``huberflow`` in a folder.

        Args:
          arguments: of the command line.
          folder: the current one.
          variables: of the environment, beside those of this process.
          meanwhile: called with the number of the process while it runs.
          network: whether it has one, not even the loopback.
        """
        request = [arguments, str(folder), dict(variables), [*map(str, self._streams)], network]
        print(json.dumps(request), file=self._process.stdin, flush=True)
        meanwhile(int(self._answer()))
        code = int(self._answer())
        output, errors = (stream.read_text(errors="replace") for stream in self._streams)
        return Ended(code, output, errors)

    def __enter__(self) -> Warmed:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:  # it waits for a command, and that for us
            self._process.kill()

    def _answer(self) -> str:
        return self._process.stdout.readline().strip()


def serve() -> None:
    """Forks for each request; a child comes back from here with its arguments in place."""
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _become(*json.loads(line))
            return
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
    sys.exit()


def _become(
    arguments: Sequence[str],
    folder: str,
    variables: Mapping[str, str],
    streams: Sequence[str],
    network: bool,
) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ.update(variables)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for descriptor, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    if not network:
        _leave_the_network()
    sys.argv[1:] = arguments


def _leave_the_network() -> None:
    import ctypes

    new_network = 0x40000000  # CLONE_NEWNET
    if ctypes.CDLL(None, use_errno=True).unshare(new_network):
        raise OSError(ctypes.get_errno(), "unshare")


def _import_all() -> None:
    from huberflow.pipeline.cli import main  # noqa: F401
    from huberflow.pipeline.execution import runner, session  # noqa: F401
    from huberflow.pipeline.execution.run import load_libraries

    load_libraries()


if __name__ == "__main__":
    _import_all()
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would lose the other threads"
    print("ready", flush=True)
    serve()
    from huberflow.__main__ import main

    main()
