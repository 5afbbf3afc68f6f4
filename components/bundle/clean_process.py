"""Checks a bundle with the bundle's own loader, in a process that is clean.

Such a process can import the standard library, TensorFlow, tf_keras, what these need, and the
distributions that the bundle's certificate requires; nothing else that is installed here. It has no
TF_USE_LEGACY_KERAS in its environment, as a worker elsewhere has none.

Run as a script, this file is that process: it imports TensorFlow, waits for a bundle, checks it.
"""

import atexit
import contextlib
import gc
import hashlib
import importlib.abc
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # where this file is a script, huberflow cannot be imported
    from huberflow.components.bundle.reload import CheckReport


class CheckError(Exception):
    """A reloaded model differs from its certificate; the message names the difference."""


def check_bundle(
    bundle: Path, device: str | None = None, allow_ops: Collection[str] = ()
) -> "CheckReport":
    """Compares the bundle's loader with its certificate, then runs it: ``reload.py --check``.

    Args:
      bundle: the SavedModel's folder; the check runs on a copy of it, in another place.
      device: "cpu" or "gpu", where all ops must run; None for TensorFlow's choice.
      allow_ops: see ``huberflow.components.bundle.reload.check``.

    Returns:
      The report of ``huberflow.components.bundle.reload.check``; its ``ok`` is true.

    Raises:
      ReloadError: the certificate or the loader was changed; no code of the bundle was run.
      CheckError: the loader refuses it, a value is further off than the certificate allows, or the
        process died.
    """
    from huberflow.components.bundle import installed, reload  # not at the top: see TYPE_CHECKING

    certificate = reload.integrity.verify_loader(bundle)
    modules = installed.modules(each["name"] for each in certificate["source"]["requirements"])
    loader = certificate["files"][reload.layout.LOADER]
    with contextlib.closing(_prepared.pop() if _prepared else _CleanProcess()) as process:
        report = process.check(bundle.resolve(), loader, device, modules, allow_ops)
    wrong = [
        reload.comparing.in_words(*value)
        for value in report["values"].items()
        if not value[1]["ok"]
    ]
    if wrong and report["differences"]:
        wrong.append(reload.comparing.on_another_machine(report["differences"]))
    if wrong:
        raise CheckError(f"the reloaded model is not the one that was trained: {'; '.join(wrong)}")
    return report


def prepare() -> None:
    """Starts the process of the next check, which imports TensorFlow while this one is busy."""
    if not _prepared:
        _prepared.append(_CleanProcess())


def device_beside_this() -> str | None:
    """The device of a check while this process trains: the CPU if it holds the memory of a GPU."""
    import tensorflow as tf

    return "cpu" if tf.config.list_logical_devices("GPU") else None


_prepared: list["_CleanProcess"] = []

_LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


class _CleanProcess:
    """A Python that imports TensorFlow, sees little else, and then waits for a bundle."""

    def __init__(self) -> None:
        from huberflow.components.bundle import installed

        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (lives as long as the process)
        self._python = subprocess.Popen(
            # Without site, no .pth file names the folder of huberflow's source.
            [sys.executable, "-I", "-S", __file__, *_package_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd="/",
            env={name: text for name, text in os.environ.items() if name != _LEGACY_KERAS},
        )
        atexit.register(self.close)
        self._send(sorted(installed.base_modules()))

    def check(
        self,
        bundle: Path,
        loader: str,
        device: str | None,
        modules: Iterable[str] = (),
        allow_ops: Collection[str] = (),
    ) -> "CheckReport":
        """The report on a bundle that needs these modules, too; the process ends.

        The loader is one whose SHA-256 is known: the process runs no other.
        """
        self._send([str(bundle), loader, device, sorted(allow_ops), sorted(modules)])
        output, _ = self._python.communicate()
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

    def _send(self, message: Sequence[object]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died; its log says why
            print(json.dumps(message), file=self._python.stdin, flush=True)

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


class _Hidden(importlib.abc.MetaPathFinder):
    """Hides the modules in some folders, but for those that are made visible.

    The bundle's modules are imported all the same: its loader comes first.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._visible, self._namespaces = set(sys.stdlib_module_names), set[str]()

    def show(self, modules: Iterable[str]) -> None:
        """Makes modules visible, and those inside them; of packages around them, nothing else."""
        for name in modules:
            self._visible.add(name)
            self._namespaces.update(_prefixes(name)[:-1])

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Raises for a hidden module, and finds no other."""
        names = _prefixes(fullname)
        visible = fullname in self._namespaces or not self._visible.isdisjoint(names)
        if not visible and PathFinder.find_spec(names[0], self._folders):
            raise ModuleNotFoundError(f"{fullname}: not in a clean process", name=fullname)


def _prefixes(name: str) -> list[str]:
    """``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``."""
    return list(itertools.accumulate(name.split("."), "{}.{}".format))


def _main() -> None:
    import runpy

    sys.path += sys.argv[1:]
    hidden = _Hidden(sys.argv[1:])
    hidden.show(json.loads(sys.stdin.readline() or "[]"))
    sys.meta_path.insert(0, hidden)
    gc.disable()  # a sixth of the import time; one check leaves little garbage
    import tensorflow as tf
    import tf_keras  # noqa: F401

    request = sys.stdin.readline()
    if not request:
        return  # the parent process has ended
    bundle, loader, device, allow_ops, modules = json.loads(request)
    hidden.show(modules)
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")  # its memory may be another process's
    with tempfile.TemporaryDirectory(prefix="huberflow-check-") as folder:
        copy = shutil.copytree(bundle, Path(folder, "model"))
        script = str(copy / "assets.extra" / "reload.py")
        if hashlib.sha256(Path(script).read_bytes()).hexdigest() != loader:
            print(json.dumps({"error": "assets.extra/reload.py: changed while it was checked"}))
            return
        sys.argv = [script, "--check", "--json", *(["--device", device] if device else [])]
        sys.argv += [f"--allow-op={op}" for op in allow_ops]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    _main()
