"""A user's own objects in this process: imported from a snapshot, registered, in the catalogue.

A description is plain JSON, as ``pipeline.objects`` writes it once it has tried the objects:
``sha256`` of all, ``modules`` (by name: ``files``, ``sha256``), ``objects``, each with its
``name``, ``kind``, ``module`` (where it is defined), ``registered`` name and ``arguments``; and
``network``, null or the ``function`` of a ``module`` that builds it, with its ``parts``, each a
``name`` and ``module``: objects beside the function, which a config cannot name.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from . import catalogue

Description = Mapping[str, Any]

_loaded: dict[Path, Description] = {}  # of one snapshot at most


def entries(description: Description) -> dict[str, catalogue.Entry]:
    """The objects as the catalogue has them; the user's constructors check the values."""
    return {
        each["name"]: catalogue.Entry(
            each["kind"], each["module"], dict.fromkeys(each["arguments"], _any_value)
        )
        for each in description["objects"]
    }


def modules() -> list[str]:
    """Names of the user's modules that ``load`` has imported."""
    return [name for description in _loaded.values() for name in description["modules"]]


def load(description: Description, folder: Path) -> None:
    """Imports a user's modules from their snapshot; afterwards they are found by name, as ours.

    Modules of another snapshot are forgotten first; those of the same one stay as they are. A
    worker that shares ``sys.path`` finds the modules too.

    Raises:
      ValueError: a file is not as it was described, or an object's name is taken.
    """
    if _loaded.get(folder) != description:
        _refuse_changed(description, folder)
        unload()
    try:
        if not _loaded:
            _import(description, folder)
        catalogue.add(entries(description))  # also where they are loaded: a block may have ended
    except BaseException:
        unload()
        raise


def _refuse_changed(description: Description, folder: Path) -> None:
    for name, module in description["modules"].items():
        if digest(folder, module["files"]) != module["sha256"]:
            raise ValueError(
                f"{folder}: expected {name} as it was tried, with sha256 {module['sha256']}, "
                "received other code; delete this folder and run again"
            )


def _import(description: Description, folder: Path) -> None:
    _loaded[folder] = description
    sys.path.append(str(folder))
    for name in description["modules"]:
        import_from(folder, name)
    adopt(named(description))


def named(description: Description) -> list[tuple[str, str]]:
    """Module and name of each object, those that only the user's network uses among them."""
    network = description["network"]
    objects = [*description["objects"], *(network["parts"] if network else ())]
    return [(each["module"], each["name"]) for each in objects]


def adopt(objects: Iterable[tuple[str, str]]) -> None:
    """Registers objects, given by module and name, for Keras to find."""
    for module, name in objects:
        target = getattr(importlib.import_module(module), name)
        _registry().adopt(target, module.partition(".")[0])


def network(description: Description) -> Callable[..., Any] | None:
    """The user's function that builds the network, once ``load`` has run; None where ours does."""
    named = description["network"]
    return getattr(importlib.import_module(named["module"]), named["function"]) if named else None


def unload() -> None:
    """Forgets what ``load`` brought, so that the next run may bring other code."""
    while _loaded:
        folder, description = _loaded.popitem()
        sys.path.remove(str(folder))
        catalogue.remove(each["name"] for each in description["objects"])
        _registry().forget(description["modules"])
        for name in list(sys.modules):
            if name.partition(".")[0] in description["modules"]:
                del sys.modules[name]


def import_from(folder: Path, name: str) -> ModuleType:
    """The module or package of this name that lies in ``folder``, whatever ``sys.path`` says."""
    if name in sys.modules:  # by one of the user's other modules
        return sys.modules[name]
    PathFinder.invalidate_caches()
    spec = PathFinder.find_spec(name, [str(folder)])
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{folder}: no module {name!r}", name=name)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def digest(folder: Path, files: Iterable[str]) -> str:
    """SHA-256 of these files below ``folder``: names and contents, in order of their names."""
    sha256 = hashlib.sha256()
    for file in sorted(files):
        content = (folder / file).read_bytes()
        sha256.update(f"{file}\0{len(content)}\0".encode() + content)
    return sha256.hexdigest()


def _any_value(argument: str, value: Any) -> Any:
    return value


def _registry() -> ModuleType:
    # Not above: a config is checked against the catalogue before TensorFlow is imported.
    return importlib.import_module(".registry", __package__)
