"""The text of a module with some objects of a script or notebook, and all that they use.

Imports are written as they stand in the script or notebook, where they give what the name is now,
or as the imported values say where they come from. Numbers and text are written as values. Anything
else is refused: it may have been changed since it was made.
"""

import ast
import inspect
import linecache
import symtable
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
        own = (user.__module__, self._module, "__main__")
        plain = inspect.unwrap(value) if callable(value) else value
        if isinstance(plain, type | FunctionType) and plain.__module__ in own:
            if name == plain.__name__:
                self._define(value, plain)
            else:
                self.add(plain.__name__, value, user)
                self._definitions.append(f"{name} = {plain.__name__}")
        elif lines := _Home(user).imports(name, value) or _import_by_value(name, value, own):
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

    def _define(self, value: Any, plain: Callable[..., Any]) -> None:
        """Adds the definition of a class or function, which decorators may have wrapped."""
        home = _Home(plain)
        definition, node = home.definition()
        if value is not plain and home.namespace.get(node.name) is not value:
            raise InputError(
                node.name,
                expected="a function as its definition and its decorators make it",
                received="one that was wrapped after that",
                write=f"the decorator above def {node.name}",
            )
        _refuse_changed(home, node, plain)
        self._imports |= home.future_imports()
        for used in _global_names(definition):
            if used in home.namespace:
                self.add(used, home.namespace[used], plain)
        self._definitions.append(definition)


def _refuse_changed(home: "_Home", node: Definition, target: Any) -> None:
    """Refuses a definition that would give other values now than when it ran."""
    for name, expression, value in _values_in(node, target):
        now = home.value(expression, target)
        is_fixed = isinstance(expression, ast.Name) or (_is_literal(value) and _is_literal(now))
        if is_fixed and not _is_same(now, value):
            raise InputError(
                f"{node.name}: {name}",
                expected=f"{ast.unparse(expression)} as it was when {node.name} was defined",
                received="another value",
                hint=f"run the definition of {node.name} again, or write the value itself there",
            )


def _values_in(node: Definition, target: Any) -> Iterator[tuple[str, ast.expr, Any]]:
    """Name, source and value of all that a definition took when it ran."""
    if isinstance(node, ast.ClassDef):
        for base, value in zip(node.bases, target.__bases__, strict=False):
            yield "its base", base, value
        for part in node.body:
            if isinstance(part, ast.Assign | ast.AnnAssign) and part.value is not None:
                first = part.targets[0] if isinstance(part, ast.Assign) else part.target
                if isinstance(first, ast.Name):
                    yield first.id, part.value, vars(target).get(first.id)
            elif isinstance(part, ast.FunctionDef):
                method = vars(target).get(part.name)
                if inspect.isfunction(method):
                    yield from _values_in(part, inspect.unwrap(method))
    else:
        arguments, keywords = node.args, target.__kwdefaults__ or {}
        names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        defaults = arguments.defaults
        yield from zip(
            names[len(names) - len(defaults) :], defaults, target.__defaults__ or (), strict=False
        )
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                yield each.arg, default, keywords.get(each.arg)


def _contents(target: Any) -> tuple[str, list[Any]]:
    """The source of a class or function, and the numbers and text that it took when it ran."""
    text, node = _Home(target).definition()
    return text, [value for *_, value in _values_in(node, target) if _is_literal(value)]


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are one, are equal, or have the same source."""
    if one is other:
        return True
    if isinstance(one, type | FunctionType) and isinstance(other, type | FunctionType):
        with suppress(InputError):
            return _contents(one) == _contents(other)
    return _is_literal(other) and bool(one == other)


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

    def definition(self) -> tuple[str, Definition]:
        """The source of the class or function, decorators included; as text and parsed."""
        for text, tree in self._trees():
            for node in reversed(tree.body):
                if isinstance(node, Definition) and node.name == self._target.__name__:
                    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    if self._line is None or first <= self._line <= (node.end_lineno or 0):
                        return "\n".join(text.splitlines()[first - 1 : node.end_lineno]), node
        raise InputError(
            self._target.__name__,
            expected="a class or function of a file or of a notebook's cell, without indentation",
            received="one whose source cannot be found",
            hint="define it in a module",
        )

    def value(self, expression: ast.expr, scope: Any) -> Any:
        """What an expression in the definition gives now; None where it gives nothing."""
        code = compile(ast.Expression(expression), "<definition>", "eval")
        with suppress(Exception):
            return eval(code, {**self.namespace}, {**vars(scope)})  # noqa: S307 (as an import does)
        return None

    def imports(self, name: str, value: Any) -> set[str]:
        """The import statements that give this name this value."""
        return {
            statement
            for node in self._statements()
            for bound, statement, given in _bindings(node)
            if bound == name and _is_same_import(given, value)
        }

    def future_imports(self) -> set[str]:
        """The statements that change how the source is read."""
        found = (node for node in self._statements() if isinstance(node, ast.ImportFrom))
        return {ast.unparse(node) for node in found if node.module == "__future__"}

    def _statements(self) -> Iterator[ast.stmt]:
        return (node for _, tree in self._trees() for node in tree.body)

    def _trees(self) -> Iterator[tuple[str, ast.Module]]:
        for text in self._texts:
            with suppress(SyntaxError):  # a cell with a command that is no Python
                yield text, ast.parse(text)


def _methods(target: Callable[..., Any]) -> list[FunctionType]:
    functions = (inspect.unwrap(each) for each in vars(target).values() if inspect.isfunction(each))
    return [each for each in functions if each.__module__ == target.__module__]


def _bindings(node: ast.stmt) -> Iterator[tuple[str, str, Any]]:
    """Name, statement and present value of each import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            module = sys.modules.get(alias.name if alias.asname else name)
            yield name, ast.unparse(ast.Import([alias])), module
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        for alias in node.names:
            statement = ast.ImportFrom(node.module, [alias], 0)
            value = getattr(sys.modules.get(str(node.module)), alias.name, None)
            yield alias.asname or alias.name, ast.unparse(statement), value


def _is_same_import(one: Any, other: Any) -> bool:
    """Whether two are one; a module that is loaded late has another in its place until then."""
    are_modules = isinstance(one, ModuleType) and isinstance(other, ModuleType)
    return one is other or (are_modules and one.__name__ == other.__name__)


def _import_by_value(name: str, value: Any, own: Collection[str]) -> set[str]:
    if isinstance(value, ModuleType):
        module = value.__name__
        return {f"import {module}" if module == name else f"import {module} as {name}"}
    home, given = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if home is None or home in own or getattr(sys.modules.get(home), str(given), None) is not value:
        return set()
    return {f"from {home} import {given}" + (f" as {name}" if given != name else "")}


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
