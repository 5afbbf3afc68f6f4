"""Delivers runs while they happen, in a separate process: no run waits for it or fails with it.

The run writes its journal, and this process reads it. It ends once its standard input has ended,
and the journals have been delivered or cannot be.
"""

import atexit
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import IO

import filelock

from huberflow.pipeline.history.workspace import Workspace
from huberflow.pipeline.system.masking import masked_text
from huberflow.pipeline.tracking.delivery import Delivery, pending
from huberflow.pipeline.tracking.store import connect
from huberflow.pipeline.tracking.tracker import TrackingError

_INTERVAL, _AFTER_FAILURE, _TO_CLEAN_UP = 0.5, 5.0, 2.0
"""Seconds."""


class DeliveryProcess:
    """Starts the process and waits for it.

    Args:
      workspace: the workspace with the journals.
      uri: the server's address.
      artifacts: see ``connect``.
      warn: called from a thread with a line: once if the server cannot be reached or refuses, and
        once for each run that is undeliverable.
    """

    def __init__(
        self, workspace: Workspace, uri: str, artifacts: Path | None, warn: Callable[[str], None]
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "huberflow.pipeline.tracking.delivery_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the run; its end must still be delivered
        )
        # Not as an argument, which every user of the machine can read.
        settings = {"workspace": str(workspace.root), "uri": uri, "artifacts": artifacts}
        json.dump(settings, self._stdin, default=str)
        self._stdin.write("\n")
        self._stdin.flush()
        self._listener = threading.Thread(target=self._listen, args=(warn,), daemon=True)
        self._listener.start()

    def finish(self, patience: float) -> bool:
        """Waits at most ``patience`` seconds for the rest; whether all was delivered."""
        self._stdin.close()
        try:
            return self._process.wait(patience) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            self._end()  # also on Ctrl-C
            self._listener.join()

    def _end(self) -> None:
        """Ends the process, even where it waits for the server."""
        self._process.terminate()
        try:
            self._process.wait(_TO_CLEAN_UP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None  # noqa: S101 (for the type checker)
        return self._process.stdin

    def _listen(self, warn: Callable[[str], None]) -> None:
        assert self._process.stdout is not None  # noqa: S101 (for the type checker)
        for line in self._process.stdout:
            warn(line.rstrip("\n"))


def main() -> int:
    """Runs in the process."""
    os.nice(5)  # the run comes first
    atexit.register(gc.freeze)  # a faster end, see ``huberflow.pipeline.cli.main``
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # removes its temporary folders
    logging.basicConfig()
    logging.getLogger("huberflow").setLevel(logging.INFO)
    settings = json.loads(sys.stdin.readline())
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    workspace = Workspace(Path(settings["workspace"]))
    artifacts = settings["artifacts"] and Path(settings["artifacts"])
    with filelock.FileLock(workspace.delivery_lock):
        return _deliver_until(workspace, settings["uri"], artifacts, ended)


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _deliver_until(
    workspace: Workspace, uri: str, artifacts: Path | None, ended: threading.Event
) -> int:
    delivery: Delivery | None = None
    print_once = cache(partial(print, flush=True))
    warned = False
    while True:
        last = ended.is_set()  # before the journals are read, so that the last pass reads all
        try:
            if delivery is None:
                delivery = Delivery(workspace, connect(uri, artifacts), masked_text(uri))
            delivery.deliver_all(pending(workspace, print_once), print_once)
        except TrackingError as error:
            if not warned:
                print(error, flush=True)
                warned = True
            if last:
                return 1
            ended.wait(_AFTER_FAILURE)
        else:
            if last:
                return 0
            ended.wait(_INTERVAL)


if __name__ == "__main__":
    sys.exit(main())
