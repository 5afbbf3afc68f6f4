"""The text of a module with some objects of a script or notebook, and all that they use.

Imports are written as they stand in the script or notebook, or as the imported values say where
they come from. Numbers and text are written as values. Anything else is refused: it may have been
changed since it was made.
"""

import ast
import inspect
import linecache
import symtable
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

from huberflow.custom_objects.input_error import InputError

Definition = ast.ClassDef | ast.FunctionDef


def defining_text(module: str, objects: Iterable[Callable[..., Any]]) -> str:
    """The text of a module that defines these classes and functions.

    Args:
      module: its name; what the objects use of a module that has this name now is in the text too.
      objects: of a script or notebook, or of that module.

    Raises:
      InputError: the source of an object cannot be found, or it uses what has none.
    """
    text = _Text(module)
    for each in objects:
        if not isinstance(each, type | FunctionType) or not each.__qualname__.isidentifier():
            raise InputError(
                getattr(each, "__qualname__", repr(each)),
                expected="a class or function that a script or notebook defines by its name",
                received="one inside a function, or a lambda"
                if callable(each)
                else type(each).__name__,
                write="def my_function(...): return ..., without indentation",
            )
        text.add(each.__name__, each, each)
    return text.whole()


class _Text:
    """Imports and definitions, in an order in which they work."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._imports: set[str] = set()
        self._definitions: list[str] = []
        self._seen: dict[str, Any] = {}

    def whole(self) -> str:
        """The module's text."""
        first = sorted(
            self._imports, key=lambda line: (not line.startswith("from __future__"), line)
        )
        parts = ["\n".join(first)] if first else []
        return "\n\n\n".join([*parts, *self._definitions]) + "\n"

    def add(self, name: str, value: Any, user: Callable[..., Any]) -> None:
        """Adds what ``name`` is to the object that uses it, after all that this uses."""
        if name in self._seen:
            _refuse_second(name, self._seen[name], value)
            return
        self._seen[name] = value
        own = (user.__module__, self._module)
        if isinstance(value, type | FunctionType) and value.__module__ in own:
            home = _Home(value)
            definition = home.definition()
            self._imports |= home.imports("annotations")
            for used in _global_names(definition):
                if used in home.namespace:
                    self.add(used, home.namespace[used], value)
            self._definitions.append(definition)
        elif lines := _Home(user).imports(name) or _import_by_value(name, value):
            self._imports |= lines
        elif _is_literal(value):
            self._definitions.append(f"{name} = {value!r}")
        else:
            raise InputError(
                f"{user.__name__}: {name}",
                expected="a module, class, function, number or text",
                received=f"{type(value).__module__}.{type(value).__qualname__}",
                hint=f"make it inside {user.__name__}, or let its constructor take it",
            )


def _refuse_second(name: str, one: object, other: object) -> None:
    if one is not other:
        raise InputError(name, expected="one thing of this name", received="two", hint="rename one")


class _Home:
    """The script or cell that defines a class or function, and its names."""

    def __init__(self, target: Callable[..., Any]) -> None:
        self._target = target
        functions = [inspect.unwrap(target)] if inspect.isfunction(target) else _methods(target)
        module = getattr(sys.modules.get(target.__module__), "__dict__", {})
        self.namespace: Mapping[str, Any] = functions[0].__globals__ if functions else module
        # A notebook's cells are in `In`; their files exist in linecache alone.
        file = functions[0].__code__.co_filename if functions else module.get("__file__", "")
        linecache.checkcache(file)
        cells = self.namespace.get("In", [])
        self._texts = ["".join(linecache.getlines(file)), *reversed(cells)]
        self._line = functions[0].__code__.co_firstlineno if functions else None

    def definition(self) -> str:
        """The source of the class or function, decorators included."""
        for text, tree in self._trees():
            for node in reversed(tree.body):
                if isinstance(node, Definition) and node.name == self._target.__name__:
                    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    if self._line is None or first <= self._line <= (node.end_lineno or 0):
                        return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
        raise InputError(
            self._target.__name__,
            expected="a class or function of a file or of a notebook's cell, without indentation",
            received="one whose source cannot be found",
            hint="define it in a module",
        )

    def imports(self, name: str) -> set[str]:
        """The import statements that give this name."""
        return {
            statement
            for _, tree in self._trees()
            for node in tree.body
            for bound, statement in _bindings(node)
            if bound == name
        }

    def _trees(self) -> Iterator[tuple[str, ast.Module]]:
        for text in self._texts:
            with suppress(SyntaxError):  # a cell with a command that is no Python
                yield text, ast.parse(text)


def _methods(target: Callable[..., Any]) -> list[FunctionType]:
    functions = (inspect.unwrap(each) for each in vars(target).values() if inspect.isfunction(each))
    return [each for each in functions if each.__module__ == target.__module__]


def _bindings(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Name and statement of each import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], ast.unparse(ast.Import([alias]))
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        for alias in node.names:
            statement = ast.ImportFrom(node.module, [alias], 0)
            yield alias.asname or alias.name, ast.unparse(statement)


def _import_by_value(name: str, value: Any) -> set[str]:
    if isinstance(value, ModuleType):
        module = value.__name__
        return {f"import {module}" if module == name else f"import {module} as {name}"}
    home, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if home is None or getattr(sys.modules.get(home), str(own), None) is not value:
        return set()
    return {f"from {home} import {own}" + (f" as {name}" if own != name else "")}


def _global_names(definition: str) -> list[str]:
    """The names that a definition takes from its module."""
    found = set()
    todo = [symtable.symtable(definition, "definition", "exec")]
    for table in todo:  # it grows
        todo += table.get_children()
        at_the_top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or at_the_top):
                found.add(symbol.get_name())
    return sorted(found)


def _is_literal(value: Any) -> bool:
    with suppress(ValueError, SyntaxError):
        return bool(ast.literal_eval(repr(value)) == value)
    return False
