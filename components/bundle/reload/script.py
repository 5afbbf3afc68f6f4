"""Reloads the exported model that this file lies with, and proves it.

This file is in every bundle, in ``assets.extra/``; it needs only tensorflow and tf_keras::

    python reload.py --check                       # this bundle, on this machine
    python reload.py MODEL --check --device gpu --json
    python reload.py MODEL --public-key key.pub    # by whom it was signed; needs cryptography

``load`` returns the Keras model, ``predictor`` a signature, which runs no Python of the bundle,
``golden`` the recorded rows and the model's values for them, and ``check`` compares both with these
values. Each refuses a bundle with a changed, missing or additional file, and runs code of it only
after that.

All that they do is in the folder ``reload_modules`` beside this file: copy both. In a bundle, it is
compared with the certificate before it runs, so this file is the only one to trust.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (of huberflow itself; this file runs elsewhere)
    too_old = f"reload.py: expected Python 3.11 or newer, received {sys.version.split()[0]}"
    raise SystemExit(too_old) if __name__ == "__main__" else ImportError(too_old)

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # A file json.py beside this script would run in place of Python's own.

import hashlib
import importlib.util
import json
import types
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import NoReturn

_EXTRA = Path(__file__).resolve().parent
_FOLDER = _EXTRA / "reload_modules"


class _Modules(Loader):
    """Finds and runs modules from bytes that were read once; bytecode is neither read nor written.

    Args:
      sources: by the names of the files.
    """

    def __init__(self, sources: dict[str, bytes]) -> None:
        self._sources = sources

    def find_spec(self, fullname: str, target: object = None) -> ModuleSpec | None:
        """As Python asks for a module inside the package."""
        name = f"{fullname.rpartition('.')[2]}.py"
        if name not in self._sources:
            return None
        return importlib.util.spec_from_file_location(fullname, _FOLDER / name, loader=self)

    def exec_module(self, module: types.ModuleType) -> None:
        """Runs a module."""
        file = str(module.__file__)
        code = compile(self._sources[Path(file).name], file, "exec", dont_inherit=True)
        exec(code, vars(module))  # noqa: S102

    def package(self) -> types.ModuleType:
        """The package, by a name that no other one has."""
        content = hashlib.sha256(repr(sorted(self._sources.items())).encode()).hexdigest()
        name, init = f"reload_modules_{content[:16]}", _FOLDER / "__init__.py"
        spec = ModuleSpec(name, self, origin=str(init), is_package=True)
        spec.has_location, spec.submodule_search_locations = True, [str(_FOLDER)]
        package = sys.modules[name] = importlib.util.module_from_spec(spec)
        sys.path_importer_cache[str(_FOLDER)] = self
        self.exec_module(package)
        return package


def _sources() -> dict[str, bytes]:
    """The source of the modules; in a bundle, as its certificate has them."""
    sources = {file.name: file.read_bytes() for file in sorted(_FOLDER.glob("*.py"))}
    certificate = _EXTRA / "certificate.json"
    if _EXTRA.name == "assets.extra" and certificate.exists():
        expected = _expected(certificate)
        for name in sorted(sources.keys() | expected.keys()):
            received = hashlib.sha256(sources.get(name, b"")).hexdigest()
            if received != expected.get(name):
                _refuse(f"{_FOLDER.name}/{name}: changed after the export; copy the model again")
    if "__init__.py" not in sources:
        _refuse(f"expected the folder {_FOLDER.name} of the same bundle beside it, received none")
    return sources


def _expected(certificate: Path) -> dict[str, str]:
    """SHA-256 of each module, by the certificate."""
    inside = f"{_EXTRA.name}/{_FOLDER.name}/"
    try:
        files = json.loads(certificate.read_bytes())["files"].items()
        return {n.removeprefix(inside): sha256 for n, sha256 in files if n.startswith(inside)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        _refuse(f"{certificate.name}: changed after the export: {error!r:.200}")


def _refuse(why: str) -> NoReturn:
    raise SystemExit(f"refused: {why}") if __name__ == "__main__" else ImportError(why)


_package = _Modules(_sources()).package()
globals().update({name: getattr(_package, name) for name in _package.__all__})

if __name__ == "__main__":
    sys.exit(_package.command_line.main(sys.argv[1:], _EXTRA.parent))
