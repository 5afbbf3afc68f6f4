"""User-defined objects in this process: imported from a snapshot, and registered with Keras."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .catalogue import BUILT_IN, Catalogue, Entry, ObjectKind, Task
from .input_error import InputError
from .json_record import JSON, JsonRecord

if TYPE_CHECKING:
    import tf_keras


@dataclass(frozen=True)
class UserModule(JsonRecord):
    """A module or package of a user's: its files, relative to the snapshot, and their digest."""

    files: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class ObjectName(JsonRecord):
    """A class or function by the module that defines it."""

    name: str
    module: str


@dataclass(frozen=True)
class UserObject(ObjectName):
    """A class or function that a config may name.

    Attributes:
      registered: its name in Keras's registry and in saved models.
      arguments: the constructor's, with their defaults as JSON.
      tasks: those that a loss or a metric fits.
      is_function: whether it is a function, not a class.
    """

    kind: ObjectKind
    registered: str
    arguments: Mapping[str, JSON]
    tasks: tuple[Task, ...]
    is_function: bool = False

    @property
    def entry(self) -> Entry:
        """The object in a catalogue; its constructor checks the values."""
        arguments = dict.fromkeys(self.arguments, lambda _, value: value)
        return Entry(self.kind, self.module, arguments, is_function=self.is_function)


@dataclass(frozen=True)
class UserNetwork(JsonRecord):
    """A function that builds the network.

    Attributes:
      module: the module that defines it.
      function: its name.
      parts: objects that the network may use, and a config cannot name.
    """

    module: str
    function: str
    parts: tuple[ObjectName, ...] = ()


@dataclass(frozen=True)
class UserObjects(JsonRecord):
    """A user's modules, and what a config may name of them, after validation.

    Attributes:
      sha256: the digest of all modules.
      modules: by name.
      objects: losses, metrics, layers and the like.
      network: builds the network; None for huberflow's.
      folder: the snapshot of the modules on this machine.
      sources: the modules' files, packed, if they are sent to another machine instead.
    """

    sha256: str
    modules: Mapping[str, UserModule]
    objects: tuple[UserObject, ...]
    network: UserNetwork | None = None
    folder: Path | None = None
    sources: str | None = None

    def catalogue(self) -> Catalogue:
        """The built-in objects and these."""
        return Catalogue({**BUILT_IN.entries, **{each.name: each.entry for each in self.objects}})

    def registrations(self) -> list[tuple[str, str]]:
        """Module and name of each object that Keras has to find, the network's parts included."""
        parts = self.network.parts if self.network else ()
        return [(each.module, each.name) for each in (*self.objects, *parts)]

    def source_files(self) -> dict[str, str]:
        """The text of each module's files in the snapshot, by path below it."""
        if self.folder is None:
            raise ValueError("expected the folder of the user's modules, received packed sources")
        return {
            file: (self.folder / file).read_text(encoding="utf-8")
            for module in self.modules.values()
            for file in module.files
        }


_loaded: list[UserObjects] = []  # one at most


def load(objects: UserObjects | None) -> Catalogue:
    """Imports a user's modules from their snapshot, and registers their objects with Keras.

    Modules of another snapshot are dropped first; those of the same one stay as they are. A
    process that shares ``sys.path`` finds the modules too.

    Returns:
      The built-in objects and, where there are any, these.

    Raises:
      InputError: a file was changed since it was validated.
    """
    if objects is None:
        return BUILT_IN
    catalogue = objects.catalogue()
    if objects not in _loaded:
        folder = _unchanged(objects)
        unload()
        try:
            _import(objects, folder)
        except BaseException:
            unload()
            raise
    return catalogue


def _unchanged(objects: UserObjects) -> Path:
    """The snapshot's folder, once its files have been compared with their digests."""
    if objects.folder is None:
        raise ValueError("expected the folder of the user's modules, received packed sources")
    for name, module in objects.modules.items():
        if digest(objects.folder, module.files) != module.sha256:
            raise InputError(
                str(objects.folder),
                expected=f"{name} as it was validated, with sha256 {module.sha256}",
                received="other code",
                hint="delete this folder and run again",
            )
    return objects.folder


def _import(objects: UserObjects, folder: Path) -> None:
    _loaded.append(objects)
    sys.path.append(str(folder))
    for name in objects.modules:
        import_from(folder, name)
    register(objects.registrations())


def register(objects: Iterable[tuple[str, str]]) -> None:
    """Registers objects, given by module and name, with Keras."""
    for module, name in objects:
        target = getattr(importlib.import_module(module), name)
        _registry().adopt(target, module.partition(".")[0])


def network_builder(objects: UserObjects | None) -> "Callable[..., tf_keras.Model] | None":
    """The user's function that builds the network, after ``load``; None for huberflow's."""
    network = objects.network if objects else None
    return getattr(importlib.import_module(network.module), network.function) if network else None


def unload() -> None:
    """Drops the modules and names that ``load`` brought, so that the next run may bring others."""
    while _loaded:
        objects = _loaded.pop()
        sys.path.remove(str(objects.folder))
        _registry().forget(objects.modules)
        for name in list(sys.modules):
            if name.partition(".")[0] in objects.modules:
                del sys.modules[name]


def import_from(folder: Path, name: str) -> ModuleType:
    """The module or package of this name that lies in ``folder``, before any on ``sys.path``."""
    if name in sys.modules:  # another of the user's modules imported it
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


def _registry() -> ModuleType:
    # Not above: a config is checked against the catalogue before TensorFlow is imported.
    return importlib.import_module(".registry", __package__)
