"""The bundle's source, imported under its own names, for this model only."""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.abc
import importlib.util
import linecache
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from .errors import ReloadError
from .keras_2 import keras_2, unlisted_optimizers
from .layout import EXTRA, LOADER, LOADER_MODULES, CustomObject
from .registry import registry


class OwnImports(importlib.abc.Loader):
    """Imports the modules of one bundle; no other code in this process gets them.

    Python's own imports are not asked: they would give a thread the modules of another one. The
    bundle's code has its own ``__import__``, and its own ``importlib.import_module``, also in a
    function that runs much later.
    There ``tf.keras`` is tf_keras, also where it is Keras 3 in the rest of the process.
    """

    def __init__(
        self, folder: Path, files: Mapping[str, str], objects: Sequence[CustomObject]
    ) -> None:
        self._objects = objects
        sources = {
            folder.parent / name: sha256 for name, sha256 in files.items() if _is_source(name)
        }
        self._sha256 = {str(file): sha256 for file, sha256 in sources.items()}
        self._files = {_module_name(file.relative_to(folder)): file for file in sources}
        self._names = {name: _Name(name) for name in self._files}
        self._roots = {name.partition(".")[0] for name in self._files}
        for name in sorted(self._roots & _NEEDED):
            raise ReloadError(f"{name}: a module of the bundle has the name of one that it needs")
        self._modules: dict[str, types.ModuleType] = {}
        self._lock, self._is_in_place = threading.RLock(), False
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._tensorflow = _TensorFlow()
        self._importlib = _Importlib(self._import)

    @contextmanager
    def registered(self) -> Iterator[None]:
        """Has the objects in Keras's registry, for this thread alone.

        A custom object scope is no alternative: registered objects win over it.
        """
        with registry().own(), self._in_place():
            objects = {**unlisted_optimizers(), **self.objects()}
            keras_2().utils.get_custom_objects().update(objects)
            yield

    def objects(self) -> dict[str, Any]:
        """Every class and function that the model uses, by its registered name."""
        import_module = self._importlib.import_module
        objects = {
            entry["name"]: getattr(import_module(entry["module"]), entry["class"])
            for entry in self._objects
        }
        # A lazy package has to import its modules now: they register objects.
        for name, file in self._files.items():
            package = self._module(name) if file.name == "__init__.py" else None
            for lazy in getattr(package, "__all__", []):
                with suppress(ImportError):  # no object needs that module, and it is not here
                    if not hasattr(package, lazy):
                        self._import(name, fromlist=[lazy])
        return objects

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Lets Python find the modules by the ``__module__`` of their classes and functions."""
        with self._lock:
            if self._is_in_place:
                yield
                return
            self._is_in_place = True
            sys.modules.update({self._names[name]: each for name, each in self._modules.items()})
            try:
                yield
            finally:
                self._is_in_place = False
                for name in self._names.values():
                    sys.modules.pop(name, None)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        package = globals.get("__package__") if globals else None
        absolute = str(importlib.util.resolve_name("." * level + name, package))
        root = absolute.partition(".")[0]
        if root in self._roots:
            module = self._module(absolute)
            for each in self._submodules(module, fromlist or ()):
                self._module(f"{absolute}.{each}")
            return module if fromlist else self._module(root)
        with registry().of_all():
            if root == "tensorflow":
                return self._tensorflow.imported(name, fromlist or ())
            if root == "importlib":
                return self._importlib.imported(name, fromlist or ())
            return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _submodules(self, module: types.ModuleType, fromlist: Sequence[str]) -> list[str]:
        """The names of a ``from`` import that are modules, which are not imported yet."""
        names = getattr(module, "__all__", ()) if "*" in fromlist else fromlist
        inside = (each for each in names if f"{module.__name__}.{each}" in self._files)
        return [each for each in inside if not hasattr(module, each)]

    def _module(self, name: str) -> types.ModuleType:
        """A module, imported if it is not yet, after the packages that it is in."""
        with self._lock:
            package, _, own = name.rpartition(".")
            around = self._module(package) if package else None
            if name not in self._modules:
                self._run(name, around, own)
            return self._modules[name]

    def _run(self, name: str, package: types.ModuleType | None, own: str) -> None:
        if name not in self._files:
            raise ModuleNotFoundError(f"No module named {name!r} in the bundle", name=name)
        module = self._new(name)
        with registry().own(), self._in_place():
            self._modules[name] = sys.modules[self._names[name]] = module
            if package is not None:
                setattr(package, own, module)  # before it runs: modules may import each other
            try:
                self.exec_module(module)
            except BaseException:
                del self._modules[name], sys.modules[self._names[name]]
                if package is not None:
                    vars(package).pop(own, None)
                raise

    def _new(self, name: str) -> types.ModuleType:
        file = self._files[name]
        is_package = file.name == "__init__.py"
        spec = ModuleSpec(self._names[name], self, origin=str(file), is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [str(file.parent)]
        return importlib.util.module_from_spec(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        """Runs the module's source, whose hash is checked again; bytecode is never used."""
        file = str(module.__file__)
        source = Path(file).read_bytes()
        if hashlib.sha256(source).hexdigest() != self._sha256[file]:
            raise ReloadError(f"{file}: changed while it was read")
        # AutoGraph reads the source from this cache at the first call; the folder may be gone then.
        text = importlib.util.decode_source(source)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        vars(module)["__builtins__"] = self._builtins
        exec(compile(source, file, "exec", dont_inherit=True), vars(module))  # noqa: S102


class _TensorFlow(types.ModuleType):
    """TensorFlow, with tf_keras as its ``keras``."""

    def __init__(self) -> None:
        super().__init__("tensorflow")
        self.keras = keras_2()

    def __getattr__(self, name: str) -> Any:
        import tensorflow as tf

        value = getattr(tf, name)
        setattr(self, name, value)
        return value

    def imported(self, name: str, fromlist: Sequence[str]) -> types.ModuleType:
        """As ``__import__``: the innermost module with a fromlist, else the outermost."""
        if f"{name}.".startswith("tensorflow.keras."):
            name = name.replace("tensorflow.keras", "tf_keras", 1)
        module = builtins.__import__(name, fromlist=fromlist)
        return module if fromlist and name != "tensorflow" else self


class _Importlib(types.ModuleType):
    """importlib, with an ``import_module`` that gets the bundle's modules."""

    def __init__(self, import_: Callable[..., types.ModuleType]) -> None:
        super().__init__("importlib")
        import tensorflow as tf

        @tf.autograph.experimental.do_not_convert
        def import_module(name: str, package: str | None = None) -> types.ModuleType:
            absolute = importlib.util.resolve_name(name, package)
            return import_(absolute, fromlist=["__name__"])  # with a fromlist, the innermost module

        self.import_module = import_module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)

    def imported(self, name: str, fromlist: Sequence[str]) -> types.ModuleType:
        """As ``__import__``: the innermost module with a fromlist, else the outermost."""
        module = builtins.__import__(name, fromlist=fromlist)
        return module if fromlist and name != "importlib" else self


_NEEDED = {*sys.stdlib_module_names, "keras", "numpy", "tensorflow", "tf_keras"}


def _is_source(name: str) -> bool:
    is_loader = name == LOADER or name.startswith(f"{LOADER_MODULES}/")
    return name.startswith(f"{EXTRA}/") and name.endswith(".py") and not is_loader


def _module_name(file: Path) -> str:
    """The name by which the module in a file is imported."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Name(str):
    """A module's name that equals its text, but is another key in a dictionary.

    In ``sys.modules``, what looks for the module of a class or function finds the bundle's by it,
    and all other code in the process finds its own by the text.
    """

    def __hash__(self) -> int:
        return id(self)
