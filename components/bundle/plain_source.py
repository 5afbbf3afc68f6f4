"""Reads a user's source, and refuses code and data that it finds when it runs.

What a loader runs is what was copied. Source that looks for files beside it, or for modules whose
names do not stand in it, would get others there, or none.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

from huberflow import custom_objects
from huberflow.custom_objects.input_error import InputError

_OURS = __package__.partition(".")[0]

_DATA = ("__file__", "importlib.resources", "importlib_resources", "pkgutil")
"""What finds files and modules beside the source."""


def nodes(tree: ast.AST, *, in_functions: bool = True) -> Iterator[ast.AST]:
    """The nodes of all code that an import may run, or a call of the model's later.

    Those for type checkers are left out, and those for a script.
    """
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and _never_runs(node.test):
            todo += node.orelse
            continue
        yield node
        if in_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += ast.iter_child_nodes(node)


def _never_runs(test: ast.expr) -> bool:
    return last_name(test) == "TYPE_CHECKING" or ast.unparse(test) == "__name__ == '__main__'"


def last_name(node: ast.expr) -> str:
    """``f`` of ``f`` and of ``module.f``."""
    return getattr(node, "attr", getattr(node, "id", ""))


def name_in_call(node: ast.AST) -> str | None:
    """The module that a call of ``import_module`` names; None where no text does."""
    if not _is_import_call(node) or not node.args:
        return None
    name = getattr(node.args[0], "value", None)
    return name if isinstance(name, str) else None


def refuse_others(file: Path, tree: ast.Module) -> None:
    """Refuses a module that may take code or data from elsewhere.

    A function ``__getattr__`` of a module may import what it is asked for: a loader asks for all.

    Raises:
      InputError: it finds modules or files when it runs, or needs more of huberflow than a bundle
        has.
    """
    for node in nodes(tree, in_functions=False):
        for name in _imported_names(node):
            _refuse_our_others(file, name)
    lazy = {id(each) for top in tree.body if _is_lazy(top) for each in ast.walk(top)}
    for node in nodes(tree):
        for name in filter(_finds_data, _used_names(node)):
            _refuse(file, node, "data as Python, in the module", name)
        if _is_import_call(node) and name_in_call(node) is None and id(node) not in lazy:
            _refuse(file, node, "imports by names that stand in the source", ast.unparse(node))


def _refuse(file: Path, node: ast.AST, expected: str, received: str) -> None:
    raise InputError(
        f"{file}, line {getattr(node, 'lineno', 1)}",
        expected=f"{expected}: a bundle has the source alone",
        received=received,
        hint="or move the model's objects to a module without it",
    )


def _refuse_our_others(file: Path, name: str) -> None:
    root, _, inside = name.partition(".")
    known = ("", "*", "custom_objects", *dir(custom_objects))
    if root == _OURS and inside.partition(".")[0] not in known:
        raise InputError(
            str(file),
            expected=f"of {_OURS} its custom objects alone: a bundle has no other part of it",
            received=f"an import of {name}",
            write=f"import {_OURS}, and {name} where it is used; or move the model's objects to a "
            "module of their own",
        )


def _imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _used_names(node: ast.AST) -> list[str]:
    return [node.id] if isinstance(node, ast.Name) else _imported_names(node)


def _finds_data(name: str) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in _DATA)


def _is_lazy(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__getattr__"


def _is_import_call(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and last_name(node.func) in ("import_module", "__import__")
