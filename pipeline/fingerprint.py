"""Hashes of the code that a node runs: what a dotted path hides from TFX's cache."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("components", "custom_objects")


def source_of(*modules: str) -> dict[str, str]:
    """Short SHA-256 of each file of ours that these modules run, by path.

    Follows imports between the rooms, the packages' own ``__init__`` included; nothing is
    imported. Two trees with the same code give the same answer, wherever they lie.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = _file(module)
            waiting += _imports(found[module])
            waiting += [module.rpartition(".")[0]] if "." in module else []
    return {
        _relative(module, path): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for module, path in sorted(found.items())
    }


def folder_of(package: str) -> Path:
    """Where an installed package lies.

    Raises:
      ModuleNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package!r} is installed", name=package)
    return Path(spec.origin).parent


def _file(module: str) -> Path:
    room, *rest = module.split(".")
    path = folder_of(room).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _relative(module: str, path: Path) -> str:
    return "/".join(module.split(".")) + ("/__init__.py" if path.name == "__init__.py" else ".py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [node.module, *below]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ROOMS and _file(name).exists():
                yield name
