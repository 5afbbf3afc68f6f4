"""A user's modules as files: checked without being run, and copied under their hash."""

import ast
import hashlib
import json
import keyword
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from pathlib import Path

from huberflow.custom_objects import user_objects
from huberflow.custom_objects.input_error import InputError, InputErrors
from huberflow.pipeline.system.utf8 import check_utf8


@dataclass(frozen=True)
class ModuleSource:
    """The files of a user's module or package.

    Attributes:
      name: by which it is imported.
      folder: holds the file, or the package.
      files: relative to ``folder``; of a package all that end in ``.py``.
      sha256: of their names and contents.
      offered: whether a config may name what is in it; else the network alone uses it.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    sha256: str
    offered: bool = True

    @property
    def path(self) -> Path:
        """The file that is imported first."""
        package = f"{self.name}/__init__.py"
        return self.folder / (package if package in self.files else f"{self.name}.py")


def find_sources(paths: Iterable[Path], network: Path | None = None) -> list[ModuleSource]:
    """The modules at these paths, and the network's; nothing is imported.

    Raises:
      InputErrors: a path is no Python module, its name would hide another, or its syntax is
        wrong.
    """
    offered = [path.absolute() for path in paths]
    found: dict[str, ModuleSource] = {}
    errors: list[InputError] = []
    for path in dict.fromkeys([*offered, *([network.absolute()] if network else [])]):
        try:
            source = replace(_source(path), offered=path in offered)
            if source.name in found:
                raise _taken(path, f"{source.name}, as {found[source.name].path} has")
        except InputError as error:
            errors.append(error)
        else:
            found[source.name] = source
    if errors:
        raise InputErrors(errors)
    return list(found.values())


def _source(path: Path) -> ModuleSource:
    expected, hint = "a Python file, such as my_losses.py, or a package", None
    if path.is_dir() and not (path / "__init__.py").exists():
        received = "a folder without __init__.py"
        hint = "write one that imports what a config may name: from .losses import MyLoss"
        raise InputError(str(path), expected=expected, received=received, hint=hint)
    if not path.is_dir() and (path.suffix != ".py" or not path.exists()):
        kind = f"a {path.suffix} file" if path.suffix else "a file without .py"
        received = kind if path.exists() else "a path where nothing is"
        raise InputError(str(path), expected=expected, received=received)
    name = path.name if path.is_dir() else path.stem
    _check_name(path, name)
    try:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        relative = tuple(file.relative_to(path.parent).as_posix() for file in files)
        for each in relative:
            check_utf8(str(path), each)
        digest = user_objects.digest(path.parent, relative)
        for file in files:
            _check_syntax(file)
    except OSError as error:
        raise InputError(
            str(error.filename), expected="a file that can be read", received=f"{error.strerror}"
        ) from error
    return ModuleSource(name, path.parent, relative, digest)


def _check_name(path: Path, name: str) -> None:
    libraries = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    own = (str(path), str(path / "__init__.py"))
    if not name.isidentifier() or keyword.iskeyword(name):
        raise _taken(path, f"{name!r}, which is no name in Python")
    if name == "huberflow" or name in sys.stdlib_module_names:
        raise _taken(path, f"{name}, a module of {'Python' if name != 'huberflow' else name}")
    if (spec := PathFinder.find_spec(name, libraries)) and spec.origin not in own:
        raise _taken(path, f"{name}, an installed package")


def _taken(path: Path, received: str) -> InputError:
    return InputError(
        str(path),
        expected="a name that can be imported and that no other module has",
        received=received,
        hint=f"rename it, such as my_{path.name}",
    )


def _check_syntax(file: Path) -> None:
    try:
        ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        text = f": {error.text.strip()}" if error.text else ""
        raise InputError(
            f"{file}{line}", expected="Python", received=f"{error.msg}{text}"
        ) from error
    except ValueError as error:  # zero bytes
        raise InputError(str(file), expected="Python", received=str(error)) from error


def copy(sources: Iterable[ModuleSource], folder: Path) -> None:
    """Copies the modules into ``folder``, from which they can be imported."""
    for source in sources:
        for file in source.files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.folder / file, folder / file)


def digest(sources: Iterable[ModuleSource]) -> str:
    """SHA-256 of all of them."""
    contents = {source.name: source.sha256 for source in sources}
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


def snapshot(sources: Sequence[ModuleSource], into: Path) -> Path:
    """Their copy under their hash, ``into/<sha256[:16]>``; it appears whole, or is there already.

    Raises:
      InputError: a file was changed since it was validated.
    """
    folder = into / digest(sources)[:16]
    if folder.exists():
        return folder
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=into) as temporary:
        copied = Path(temporary) / folder.name
        copied.mkdir()
        copy(sources, copied)
        for source in sources:
            if user_objects.digest(copied, source.files) != source.sha256:
                raise InputError(
                    str(source.path),
                    expected="the module as it was validated",
                    received="one that was changed meanwhile",
                    hint="run again",
                )
        try:
            os.replace(copied, folder)
        except OSError:
            if not folder.exists():  # else another run was first, with the same content
                raise
    return folder
