"""Finds the modules that a user's source needs, by the imports in it.

Imports inside functions count, those for type checkers and for a script do not. Modules outside of
site-packages are the user's own, and travel with a model; installed distributions do not.
TensorFlow, tf_keras, what they need, and the standard library are taken for granted.
"""

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

import tensorflow as tf
import tf_keras

from huberflow.components.bundle import installed, plain_source
from huberflow.components.bundle.reload import layout
from huberflow.custom_objects.input_error import InputError

_STANDARD = [Path(sysconfig.get_path(each)).resolve() for each in ("stdlib", "platstdlib")]


@dataclass(frozen=True)
class Needed:
    """What a user's modules need.

    Attributes:
      files: the user's own modules, by name.
      requirements: version of each distribution, by name.
    """

    files: dict[str, Path] = field(default_factory=dict)
    requirements: dict[str, str] = field(default_factory=dict)

    def left(self) -> list[str]:
        """The modules of the same packages that are not needed."""
        roots = {
            name: file.parent
            for name, file in self.files.items()
            if "." not in name and file.name == "__init__.py"
        }
        present = {
            _module_name(file.relative_to(folder.parent))
            for folder in roots.values()
            for file in folder.rglob("*.py")
        }
        return sorted(present - self.files.keys())


def needed(modules: Iterable[str]) -> Needed:
    """All that these modules of the user's need, themselves and their packages included.

    Raises:
      InputError: a module cannot be copied into a model, uses Keras 3, or may take code or data
        from elsewhere.
    """
    found, seen = Needed(), {_OURS}
    todo = [*modules]
    while todo:
        name = todo.pop()
        if name in seen or name.startswith(f"{_OURS}."):
            continue
        seen.add(name)
        for each in _outermost_first(name):
            spec = _spec(each)
            if spec is None:  # an attribute of a module, or not installed here
                break
            if _is_namespace(spec):
                continue
            if not _is_users(spec):
                found.requirements.update(_requirement(each, spec))
                break
            if each not in found.files:
                found.files[each] = _source_file(each, spec)
                todo += _imports(each, spec)
    return found


_OURS = __package__.partition(".")[0]


def _outermost_first(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: depth + 1]) for depth in range(len(parts))]


def _spec(name: str) -> ModuleSpec | None:
    """The spec of a module or package; none of them is imported for it."""
    package = name.rpartition(".")[0]
    if not package or name in sys.modules:
        with suppress(ValueError):  # a module without a spec, such as __main__
            return importlib.util.find_spec(name)
        return None
    parent = _spec(package)
    folders = parent.submodule_search_locations if parent else None
    return PathFinder.find_spec(name, folders) if folders else None


def _is_namespace(spec: ModuleSpec) -> bool:
    return spec.origin is None and spec.submodule_search_locations is not None


def _is_users(spec: ModuleSpec) -> bool:
    if not spec.has_location:  # built into Python
        return False
    file = Path(str(spec.origin)).resolve()
    if installed.is_installed(file):
        return installed.owner(file) is None
    return not any(file.is_relative_to(folder) for folder in _STANDARD)


def _requirement(name: str, spec: ModuleSpec) -> dict[str, str]:
    """Name and version of an installed distribution, unless a bundle takes it for granted."""
    file = Path(str(spec.origin)).resolve()
    if not installed.is_installed(file) or name in installed.base_modules():
        return {}
    owner = installed.owner(file)
    return {owner.name: owner.version} if owner else {}


def _source_file(name: str, spec: ModuleSpec) -> Path:
    file = Path(str(spec.origin))
    root = name.partition(".")[0]
    if is_reserved(root):
        raise InputError(
            str(file),
            expected="a name that no module of Python, TensorFlow or a bundle has",
            received=f"a module named {root}",
            hint="rename it, for it would take the other's place where the model is loaded",
        )
    if shared := next(filter(_is_shared, _outermost_first(name)), None):
        raise InputError(
            str(file),
            expected="a package whose modules are all installed, or all not",
            received=f"{shared}, which is installed in part",
            hint="rename the part that is not installed, or install it too",
        )
    if file.suffix != ".py":
        raise InputError(
            str(file),
            expected="Python source, which can be copied into a model",
            received=f"{file.suffix or 'no'} code",
            hint="install it as a package: a model names the packages that it needs",
        )
    return file


def is_reserved(root: str) -> bool:
    """Whether a module of this name would take another's place where a model is loaded."""
    loader = (Path(each).stem for each in (layout.LOADER, layout.LOADER_MODULES))
    return root in {*sys.stdlib_module_names, *installed.base_modules(), *loader}


def _is_shared(package: str) -> bool:
    """Whether a namespace has folders both of installed packages and of others."""
    spec = _spec(package)
    if spec is None or not _is_namespace(spec):
        return False
    folders = [Path(each).resolve() for each in spec.submodule_search_locations or ()]
    return len({installed.is_installed(each) for each in folders}) == 2


def _imports(name: str, spec: ModuleSpec) -> list[str]:
    """The modules that a user's module imports, and names that may be modules."""
    file = Path(str(spec.origin))
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    tree = ast.parse(file.read_bytes())
    plain_source.refuse_others(file, tree)
    found = [*_imported(tree, package)]
    uses_tf_keras = any(f"{each}.".startswith("tensorflow.keras.") for each in found)
    if uses_tf_keras and tf.keras.Model is not tf_keras.Model:
        raise InputError(
            str(file),
            expected="code that uses tf_keras (Keras 2)",
            received="tf.keras, which is Keras 3 in this process",
            write="import tf_keras, and tf_keras for tf.keras; or set TF_USE_LEGACY_KERAS=1 "
            "before TensorFlow is imported",
        )
    root = name.partition(".")[0]
    own = (each for each in found if each.partition(".")[0] == root)
    return [*found, *filter(None, map(_defining_module, own))]


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in plain_source.nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(module, package)
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif (name := plain_source.name_in_call(node)) is not None:
            yield importlib.util.resolve_name(name, package)
        elif isinstance(node, ast.Attribute) and _is_tf_keras(node):
            yield "tensorflow.keras"


def _is_tf_keras(node: ast.Attribute) -> bool:
    return node.attr == "keras" and plain_source.last_name(node.value) in ("tf", "tensorflow")


def _defining_module(name: str) -> str | None:
    """The module that defines what ``name``, of a package that was imported, stands for.

    A lazy package imports that module by a name that does not stand in its source.
    """
    package, _, attribute = name.rpartition(".")
    module = sys.modules.get(package)
    if module is None or attribute not in getattr(module, "__all__", ()):
        return None
    defined = str(getattr(getattr(module, attribute), "__module__", ""))
    return defined if defined.startswith(f"{package}.") else None


def _module_name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
