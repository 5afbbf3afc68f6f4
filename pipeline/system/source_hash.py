"""Hashes of the code that a node runs: what a dotted path hides from TFX's cache."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("huberflow.components", "huberflow.custom_objects")
"""The packages whose code runs inside nodes and on workers."""


def source_of(*modules: str) -> dict[str, str]:
    """Short SHA-256 of each file of ours that these modules run, by path below the package.

    Follows imports within and between the packages of ``ROOMS``, their own ``__init__`` included;
    nothing is imported. Two trees with the same code give the same answer, wherever they lie.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = _file(module)
            waiting += _imports(module, found[module])
            parent = module.rpartition(".")[0]
            waiting += [parent] if _room(parent) else []
    return {
        _relative(module, path): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for module, path in sorted(found.items())
    }


def folder_of(package: str) -> Path:
    """The folder of an installed package.

    Raises:
      ModuleNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package!r} is installed", name=package)
    return Path(spec.origin).parent


def _room(module: str) -> str | None:
    """The package of ``ROOMS`` that a module belongs to."""
    return next((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), None)


def _file(module: str) -> Path:
    room = _room(module) or module.partition(".")[0]
    rest = module.removeprefix(room).split(".")[1:]
    path = folder_of(room).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _relative(module: str, path: Path) -> str:
    below = module.removeprefix("huberflow.").replace(".", "/")
    return below + ("/__init__.py" if path.name == "__init__.py" else ".py")


def _imports(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if _room(name) and _file(name).exists():
                yield name
