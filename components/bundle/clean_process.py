"""Checks a bundle with the bundle's own loader, in a process that can import nothing of ours.

Run as a script, this file is that process: it imports TensorFlow, waits for a bundle, checks it.
"""

import atexit
import contextlib
import gc
import importlib.abc
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OURS = "huberflow"


class CheckError(Exception):
    """A bundle is not what its certificate says; the message says what differs."""


def check(bundle: Path, device: str | None = None) -> dict[str, Any]:
    """Runs the bundle's own ``reload.py --check``, once its files are found to be as exported.

    Args:
      bundle: the SavedModel's folder; a copy of it, in another place, is checked.
      device: "cpu" or "gpu", where all must run; None for TensorFlow's choice.

    Returns:
      The report of ``huberflow.components.bundle.reload.check``; its ``ok`` is true.

    Raises:
      ReloadError: see ``huberflow.components.bundle.reload.verify``; nothing of the bundle was run.
      CheckError: a value is further off than the certificate allows, or the process died.
    """
    from huberflow.components.bundle import (
        reload,  # not above, for where this file is a script it cannot be found
    )

    reload.verify(bundle)
    with contextlib.closing(_spare.pop() if _spare else _Process()) as process:
        report = process.answer(bundle.resolve(), device)
    if "error" in report:
        raise CheckError(report["error"])
    wrong = [
        f"{name} is off by {value['absolute']:.3g}, allowed {value['allowed']:.3g}"
        for name, value in report["values"].items()
        if not value["ok"]
    ]
    if wrong:
        raise CheckError(f"the reloaded model is not the one that was trained: {'; '.join(wrong)}")
    return report


def prepare() -> None:
    """Lets a process import TensorFlow while this one is busy; the next ``check`` takes it."""
    if not _spare:
        _spare.append(_Process())


_spare: list["_Process"] = []


class _Process:
    """A Python that imports TensorFlow, has no package of ours, and then waits for a bundle."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (lives as long as the process)
        self._python = subprocess.Popen(
            # Without site, no .pth file names the folder of our source.
            [sys.executable, "-I", "-S", __file__, *_libraries()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd="/",
        )
        atexit.register(self.close)

    def answer(self, bundle: Path, device: str | None) -> dict[str, Any]:
        """What it says of a bundle."""
        said, _ = self._python.communicate(json.dumps([str(bundle), device]) + "\n")
        try:
            return json.loads(said.splitlines()[-1])
        except (IndexError, ValueError) as error:
            self._log.seek(0)
            last = (self._log.read().splitlines() or ["it said nothing"])[-1]
            raise CheckError(
                f"the process that checks {bundle} ended with {self._python.returncode}: {last}"
            ) from error

    def close(self) -> None:
        """Ends it, whatever it does."""
        atexit.unregister(self.close)
        self._python.kill()
        self._python.communicate()
        self._log.close()


def _libraries() -> list[str]:
    """The folders of installed packages."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


# -- The script: what follows runs in the clean process --------------------------------------------


class _NothingOfOurs(importlib.abc.MetaPathFinder):
    """Hides our package where it is installed beside TensorFlow, as a wheel.

    The bundle's own are found all the same: its loader looks first.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """Raises for a module of ours, and finds no other."""
        if fullname.partition(".")[0] == OURS:
            raise ModuleNotFoundError(f"{fullname}: not in a clean process", name=fullname)


def _main() -> None:
    import runpy

    sys.path += sys.argv[1:]
    sys.meta_path.insert(0, _NothingOfOurs())
    gc.disable()  # a sixth of the import, and one check leaves little behind
    import tensorflow as tf  # noqa: F401
    import tf_keras  # noqa: F401

    asked = sys.stdin.readline()
    if not asked:
        return  # who asks has gone
    bundle, device = json.loads(asked)
    with tempfile.TemporaryDirectory(prefix="huberflow-check-") as elsewhere:
        copy = shutil.copytree(bundle, Path(elsewhere, "model"))
        script = str(copy / "assets.extra" / "reload.py")
        sys.argv = [script, "--check", "--json", *(["--device", device] if device else [])]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    _main()
