"""A user's modules as files: found, checked without being run, and copied under their hash."""

import ast
import hashlib
import json
import keyword
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.machinery import PathFinder
from pathlib import Path

from huberflow.custom_objects import user_objects


class ObjectsError(Exception):
    """A user's objects would break later; each line of the message is one of them and why."""


@dataclass(frozen=True)
class Source:
    """A module or package of the user's.

    Attributes:
      name: by which it is imported.
      folder: that holds it.
      files: its source, relative to ``folder``; of a package all that ends in ``.py``.
      sha256: of their names and contents.
      offers: whether a config may name what is in it; else it is there for the network alone.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    sha256: str
    offers: bool = True

    @property
    def file(self) -> str:
        """The file that is imported first, as messages name it."""
        package = f"{self.name}/__init__.py"
        return package if package in self.files else f"{self.name}.py"


def find(paths: Iterable[Path], network: Path | None = None) -> list[Source]:
    """The modules at these paths, and that of the network; nothing is imported.

    Raises:
      ObjectsError: a path is no Python module, its name would hide another, or its syntax is wrong.
    """
    offering = [path.absolute() for path in paths]
    found, mistakes = [], []
    for path in dict.fromkeys([*offering, *([network.absolute()] if network else [])]):
        try:
            found.append(replace(_source(path), offers=path in offering))
        except ObjectsError as error:
            mistakes.append(str(error))
    mistakes += _same_names(found)
    if mistakes:
        raise ObjectsError("\n".join(mistakes))
    return found


def _source(path: Path) -> Source:
    name = _module_name(path)
    _refuse_name(path, name)
    try:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            _refuse_syntax(file)
        relative = tuple(file.relative_to(path.parent).as_posix() for file in files)
        return Source(name, path.parent, relative, user_objects.digest(path.parent, relative))
    except OSError as error:
        raise ObjectsError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _module_name(path: Path) -> str:
    if not path.exists():
        raise ObjectsError(
            f"{path}: expected a Python file or package, received a path where nothing is"
        )
    if path.is_dir():
        if not (path / "__init__.py").exists():
            raise ObjectsError(
                f"{path}: expected a package, received a folder without __init__.py; "
                "write one that imports what the package offers: from .losses import MyLoss"
            )
    elif path.suffix != ".py":
        raise ObjectsError(
            f"{path}: expected a Python file, my_losses.py, or a package, received "
            f"{f'a {path.suffix} file' if path.suffix else 'a file without .py'}"
        )
    if (path.parent / "__init__.py").exists():
        raise ObjectsError(
            f"{path}: expected a module that stands alone, received one of the package "
            f"{path.parent.name}; write: --objects {path.parent}"
        )
    return path.stem if path.is_file() else path.name


def _refuse_name(path: Path, name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ObjectsError(
            f"{path}: expected a name that can be imported, received {name!r}; "
            "rename it: letters, digits and _, such as my_losses.py"
        )
    libraries = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    if name == "huberflow":
        taken = "this package"
    elif name in sys.stdlib_module_names:
        taken = "a module of Python's own"
    elif (spec := PathFinder.find_spec(name, libraries)) and not _lies_at(path, spec.origin):
        taken = "an installed package"
    else:
        return
    raise ObjectsError(
        f"{path}: expected a name of its own, received {name}, {taken}; "
        f"rename it, such as my_{name}{path.suffix}"
    )


def _lies_at(path: Path, origin: str | None) -> bool:
    return origin in (str(path), str(path / "__init__.py"))


def _refuse_syntax(file: Path) -> None:
    try:
        ast.parse(file.read_text(encoding="utf-8-sig"), str(file))
    except UnicodeDecodeError as error:
        raise ObjectsError(
            f"{file}: expected text in UTF-8, received other bytes at {error.start}; "
            "save it as UTF-8"
        ) from error
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        received = f"{error.msg}: {error.text.strip()}" if error.text else error.msg
        raise ObjectsError(f"{file}{line}: expected Python, received {received}") from error
    except ValueError as error:  # zero bytes
        raise ObjectsError(f"{file}: expected Python, received {error}") from error


def _same_names(sources: Sequence[Source]) -> Iterator[str]:
    first: dict[str, Source] = {}
    for source in sources:
        if source.name in first:
            yield (
                f"{source.folder / source.file}: expected a name of its own, received "
                f"{source.name}, as of {first[source.name].folder / first[source.name].file}; "
                "rename one"
            )
        first.setdefault(source.name, source)


def copy(sources: Iterable[Source], folder: Path) -> None:
    """Copies the modules into ``folder``, which is one to import from."""
    for source in sources:
        for file in source.files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.folder / file, folder / file)


def digest(sources: Iterable[Source]) -> str:
    """SHA-256 of all of them."""
    contents = {source.name: source.sha256 for source in sources}
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


def write(sources: Sequence[Source], into: Path) -> Path:
    """Their copy under their hash, ``into/<sha256[:16]>``; it appears whole, or is there already.

    Raises:
      ObjectsError: a file was changed since it was read.
    """
    folder = into / digest(sources)[:16]
    if folder.exists():
        return folder
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=into) as aside:
        copied = Path(aside) / folder.name
        copied.mkdir()
        copy(sources, copied)
        for source in sources:
            if user_objects.digest(copied, source.files) != source.sha256:
                raise ObjectsError(
                    f"{source.folder / source.file}: expected the module as it was tried, "
                    "received one that was changed meanwhile; run again"
                )
        try:
            os.replace(copied, folder)
        except OSError:
            if not folder.exists():  # else another run was first, with the same content
                raise
    return folder
