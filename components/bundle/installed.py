"""The distributions that are installed here: what they need, and which modules are theirs."""

import importlib.metadata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BASE = ("tensorflow[and-cuda]", "tf-keras")
"""All that a bundle takes for granted; CUDA's libraries only where they are installed."""

_FOLDERS = ("site-packages", "dist-packages")


def is_installed(file: Path) -> bool:
    """Whether a file is in a folder of installed packages."""
    return any(part in _FOLDERS for part in file.parts)


@cache
def owner(file: Path) -> Distribution | None:
    """The distribution that an installed file belongs to; None where none lists it."""
    folder = next(each for each in file.parents if each.name in _FOLDERS)
    name = file.relative_to(folder).as_posix()
    return next((each for each in _likely_first(folder, name) if name in _files(each)), None)


def _likely_first(folder: Path, file: str) -> Iterator[Distribution]:
    """All distributions in a folder; first the one that has the name of the file's package."""
    root = file.partition("/")[0].removesuffix(".py")
    yield from importlib.metadata.distributions(name=root, path=[str(folder)])
    yield from importlib.metadata.distributions(path=[str(folder)])


def closure(requirements: Iterable[str]) -> set[str]:
    """Names of the distributions that these requirements name, and of all that they need.

    What is not installed is left out.
    """
    found: set[str] = set()
    asked = [Requirement(text) for text in requirements]
    for wanted in asked:  # It grows: those above come first, with their extras.
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        asked += [each for each in map(Requirement, needs) if _applies(each, wanted.extras)]
    return found


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


def modules(requirements: Iterable[str]) -> set[str]:
    """The packages and modules that ``closure`` brings, each by the shortest name that is its own.

    That is ``numpy``, but ``google.protobuf``: other distributions have a part of ``google``.
    """
    names = (_modules(importlib.metadata.distribution(each)) for each in closure(requirements))
    return set().union(*names)


@cache
def base_modules() -> frozenset[str]:
    """The modules of TensorFlow, tf_keras, and of all that they need."""
    return frozenset(modules(BASE))


def _modules(distribution: Distribution) -> set[str]:
    files = _files(distribution)
    parts = (file.split("/") for file in files if file.endswith((".py", ".so", ".pyd")))
    return {_own_name(each, files) for each in parts if each[0].split(".")[0].isidentifier()}


def _own_name(parts: list[str], files: set[str]) -> str:
    """The outermost package with an ``__init__.py``, else the module; above it are namespaces."""
    for depth in range(1, len(parts)):
        if "/".join((*parts[:depth], "__init__.py")) in files:
            return ".".join(parts[:depth])
    return ".".join((*parts[:-1], parts[-1].partition(".")[0]))


def _files(distribution: Distribution) -> set[str]:
    """Paths of the distribution's files, relative to the folder that it is installed in."""
    # Not distribution.files, which takes a second to parse TensorFlow's ten thousand.
    record = distribution.read_text("RECORD") or ""
    return {line.split(",", 1)[0].strip('"') for line in record.splitlines()}
