"""Checks a bundle with the bundle's own loader, in a process that cannot import huberflow.

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
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # where this file is a script, huberflow cannot be imported
    from huberflow.components.bundle.reload import CheckReport

PACKAGE = "huberflow"


class CheckError(Exception):
    """A reloaded model differs from its certificate; the message names the difference."""


def check_bundle(bundle: Path, device: str | None = None) -> "CheckReport":
    """Compares the bundle's files with its certificate, then runs its own ``reload.py --check``.

    Args:
      bundle: the SavedModel's folder; the check runs on a copy of it, in another place.
      device: "cpu" or "gpu", where all ops must run; None for TensorFlow's choice.

    Returns:
      The report of ``huberflow.components.bundle.reload.check``; its ``ok`` is true.

    Raises:
      ReloadError: see ``huberflow.components.bundle.reload.verify``; no code of the bundle was run.
      CheckError: a value is further off than the certificate allows, or the process died.
    """
    from huberflow.components.bundle import reload  # not at the top: see TYPE_CHECKING

    reload.verify(bundle)
    with contextlib.closing(_prepared.pop() if _prepared else _CleanProcess()) as process:
        report = process.check(bundle.resolve(), device)
    wrong = [
        f"{name} is off by {value['absolute']:.3g}, allowed {value['allowed']:.3g}"
        for name, value in report["values"].items()
        if not value["ok"]
    ]
    if wrong:
        raise CheckError(f"the reloaded model is not the one that was trained: {'; '.join(wrong)}")
    return report


def prepare() -> None:
    """Starts the process of the next check, which imports TensorFlow while this one is busy."""
    if not _prepared:
        _prepared.append(_CleanProcess())


_prepared: list["_CleanProcess"] = []


class _CleanProcess:
    """A Python that imports TensorFlow, cannot import huberflow, and then waits for a bundle."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (lives as long as the process)
        self._python = subprocess.Popen(
            # Without site, no .pth file names the folder of huberflow's source.
            [sys.executable, "-I", "-S", __file__, *_package_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd="/",
        )
        atexit.register(self.close)

    def check(self, bundle: Path, device: str | None) -> "CheckReport":
        """The report on a bundle; the process ends."""
        output, _ = self._python.communicate(json.dumps([str(bundle), device]) + "\n")
        try:
            report = json.loads(output.splitlines()[-1])
        except (IndexError, ValueError) as error:
            self._log.seek(0)
            last = (self._log.read().splitlines() or ["its log is empty"])[-1]
            raise CheckError(
                f"the process that checks {bundle} ended with {self._python.returncode}: {last}"
            ) from error
        if "error" in report:
            raise CheckError(report["error"])
        return report

    def close(self) -> None:
        """Ends the process, also where it is still busy."""
        atexit.unregister(self.close)
        self._python.kill()
        self._python.communicate()
        self._log.close()


def _package_folders() -> list[str]:
    """The folders of installed packages."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


# -- The script: what follows runs in the clean process --------------------------------------------


class _HideHuberflow(importlib.abc.MetaPathFinder):
    """Hides huberflow where it is installed beside TensorFlow, as a wheel.

    The bundle's modules are still imported: its loader comes first.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Raises for a module of huberflow, and finds no other."""
        if fullname.partition(".")[0] == PACKAGE:
            raise ModuleNotFoundError(f"{fullname}: not in a clean process", name=fullname)


def _main() -> None:
    import runpy

    sys.path += sys.argv[1:]
    sys.meta_path.insert(0, _HideHuberflow())
    gc.disable()  # a sixth of the import time; one check leaves little garbage
    import tensorflow as tf  # noqa: F401
    import tf_keras  # noqa: F401

    request = sys.stdin.readline()
    if not request:
        return  # the parent process has ended
    bundle, device = json.loads(request)
    with tempfile.TemporaryDirectory(prefix="huberflow-check-") as folder:
        copy = shutil.copytree(bundle, Path(folder, "model"))
        script = str(copy / "assets.extra" / "reload.py")
        sys.argv = [script, "--check", "--json", *(["--device", device] if device else [])]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    _main()
