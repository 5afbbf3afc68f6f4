"""Exports and publishes a bundle, and kills that after each change on disk; prints what is seen.

A script, run by ``test_export_killed``: it forks, so no thread of TensorFlow may run yet::

    python killed_exports.py FOLDER_WITH_EXPORTED_CAPTURED_AND_BUNDLE NEW_FOLDER
"""

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

# For the children: what they import they need not import each for itself.
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2  # noqa: F401

from huberflow.components.bundle import bundle, reload
from huberflow.components.export import pusher

IO = ("posix", "_io", "_pywrap_file_io", "_pywrap_record_io")
"""The modules in C through which Python and TensorFlow change files."""


class Exports:
    """One model, exported and published again and again, each time in a new folder.

    Version 1 is published already. Both folders hold what earlier kills left.
    """

    def __init__(self, model: Path, folder: Path) -> None:
        self._model, self._folder = model, folder
        self._out, self._base = folder / "export" / "model", folder / "serving" / "taxi"

    def prepare(self) -> None:
        """All as before the first export."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._model / "bundle", self._base / "1")
        for left in (self._out.with_name(".model.unfinished"), self._base / ".pushing-7"):
            shutil.copytree(self._model / "bundle" / "variables", left / "variables")

    def export(self) -> None:
        """As the pipeline does; what a killed one got done counts."""
        if not self._out.exists():
            exported, captured = self._model / "exported", self._model / "captured"
            bundle.assemble(exported, captured, self._out, {})
        pusher.publish(str(self._out), str(self._base))

    def seen(self) -> dict[str, Any]:
        """What a model server and the next node see, and what they do not."""
        versions = [path for path in sorted(self._base.iterdir()) if path.name.isdigit()]
        visible = [*versions, *([self._out] if self._out.exists() else [])]
        beside = [*self._base.iterdir(), *self._out.parent.iterdir()]
        return {
            "versions": [path.name for path in versions],
            "exported": self._out.exists(),
            "broken": [error for error in map(_error, visible) if error],
            "left_over": sorted({path.name for path in beside if path not in visible}),
        }

    def files(self) -> list[tuple[str, int]]:
        """Every path with its size."""
        return sorted((str(path), path.stat().st_size) for path in self._folder.rglob("*"))


def _error(path: Path) -> str | None:
    try:
        reload.verify(path)
    except reload.ReloadError as error:
        return f"{path}: {error}"
    return None


def forked(work: Callable[[], None]) -> int:
    """Runs this in a process of its own; its exit code, negative for a signal."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def watched(work: Callable[[], None], after_call: Callable[[int], None]) -> None:
    """Runs this; ``after_call`` gets the number of each call into ``IO``, once it is done."""
    calls = 0

    def profile(frame: Any, event: str, function: Any) -> None:
        nonlocal calls
        if event == "c_return" and _module(function) in IO:
            calls += 1
            after_call(calls)

    sys.setprofile(profile)
    work()
    sys.setprofile(None)


def _module(function: Any) -> str:
    """Of a function in C, or of the object that a method in C belongs to."""
    name = function.__module__ or type(function.__self__).__module__
    return name.rpartition(".")[2]


def changes(exports: Exports, note: Path) -> list[int]:
    """The calls after which files are no longer as they were before."""

    def export() -> None:
        found, before = [], exports.files()

        def compare(call: int) -> None:
            nonlocal before
            now = exports.files()
            if now != before:
                found.append(call)
            before = now

        watched(exports.export, compare)
        note.write_text(json.dumps(found))

    exports.prepare()
    assert forked(export) == 0
    return json.loads(note.read_text())


def killed(exports: Exports, at: int) -> int:
    """Exports, up to this call."""

    def kill(call: int) -> None:
        if call == at:
            os.kill(os.getpid(), signal.SIGKILL)

    exports.prepare()
    return forked(lambda: watched(exports.export, kill))


def main(model: Path, folder: Path) -> None:
    """One line for each kill."""
    exports = Exports(model, folder)
    for call in changes(exports, folder.with_suffix(".changes")):
        code, then = killed(exports, call), exports.seen()
        next_code, at_last = forked(exports.export), exports.seen()
        line = {"code": code, "seen": then, "next_code": next_code, "seen_at_last": at_last}
        print(json.dumps({"call": call, **line}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
