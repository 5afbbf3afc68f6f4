"""Writes the loader beside what it loads, and keeps Python from writing beside the source."""

import shutil
from pathlib import Path

from huberflow.components.bundle.reload import layout

_SOURCE = Path(layout.__file__).parent
_SCRIPT = "script.py"


def copy_loader(folder: Path) -> None:
    """Writes ``reload.py`` and its modules into a folder."""
    shutil.copyfile(_SOURCE / _SCRIPT, folder / Path(layout.LOADER).name)
    modules = folder / Path(layout.LOADER_MODULES).name
    shutil.rmtree(modules, ignore_errors=True)  # of a bundle that is bundled again
    modules.mkdir()
    for file in _SOURCE.glob("*.py"):
        if file.name != _SCRIPT:
            shutil.copyfile(file, modules / file.name)


def guard_from_bytecode(folder: Path) -> None:
    """Puts an empty file where Python would keep bytecode: it can neither write nor read any.

    Bytecode would be a file that no hash covers, and that an import runs in place of the source.
    """
    for parent in {file.parent for file in folder.rglob("*.py")}:
        (parent / layout.NO_BYTECODE).touch()
