"""Hashes of the code that a node runs, which TFX's cache does not see behind a dotted path."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

NODE_PACKAGES = ("huberflow.components", "huberflow.custom_objects")
"""The packages whose code runs inside nodes and on workers."""


def source_hashes(*modules: str) -> dict[str, str]:
    """The short SHA-256 of each file of huberflow that these modules run, by its path.

    Follows imports within ``NODE_PACKAGES``, their ``__init__`` files included, without importing
    anything. Two installations of the same code give the same hashes.
    """
    files: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in files:
            files[module] = _file(module)
            waiting += _imports(module, files[module])
            parent = module.rpartition(".")[0]
            waiting += [parent] if _package(parent) else []
    return {
        _relative(module, path): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for module, path in sorted(files.items())
    }


def package_folder(package: str) -> Path:
    """The folder of an installed package, which is not imported.

    Raises:
      ModuleNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no package {package!r} is installed", name=package)
    return Path(spec.origin).parent


def _package(module: str) -> str | None:
    """The one of ``NODE_PACKAGES`` that a module belongs to."""
    return next((each for each in NODE_PACKAGES if f"{module}.".startswith(f"{each}.")), None)


def _file(module: str) -> Path:
    package = _package(module) or module.partition(".")[0]
    rest = module.removeprefix(package).split(".")[1:]
    path = package_folder(package).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _relative(module: str, path: Path) -> str:
    below = module.removeprefix("huberflow.").replace(".", "/")
    return below + ("/__init__.py" if path.name == "__init__.py" else ".py")


def _imports(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _run(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if _package(name) and _file(name).exists():
                yield name


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of source that runs: without what is there for type checkers alone."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
