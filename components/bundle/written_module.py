"""Writes classes and functions of a script or notebook to a module, which a reload can import."""

import ast
import hashlib
import importlib.util
import keyword
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from huberflow.components.bundle import needed_source
from huberflow.components.bundle.defining_text import defining_text
from huberflow.custom_objects import registry, user_objects
from huberflow.custom_objects.input_error import InputError

_HEADER = '"""{}: written by huberflow.objects.write; sha256 of what follows: {}."""\n\n'
_NAMES_IN_HEADER = re.compile(r'"""([\w, ]+): written by')


def write(path: str | os.PathLike[str], *objects: Callable[..., Any]) -> Any:
    """See ``huberflow.objects.write``."""
    file = Path(path).resolve()
    _refuse_name(file)
    text = defining_text(file.stem, objects)
    names = [each.__name__ for each in objects]
    text = _HEADER.format(", ".join(names), _sha256(text)) + text
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        _refuse_others(file)
        _refuse_loss(file, text, names)
        _write_text(file, text)
        sys.modules.pop(file.stem, None)
    module = user_objects.import_from(file.parent, file.stem)
    found = [getattr(module, each.__name__) for each in objects]
    for each in found:
        registry.adopt(each, module.__name__)
    return found[0] if len(found) == 1 else tuple(found)


def _refuse_name(file: Path) -> None:
    """Refuses a file that could not be imported by its name, or that would hide another module."""
    name = file.stem
    is_name = name.isidentifier() and not keyword.iskeyword(name) and file.suffix == ".py"
    other = _origin(name) if is_name else None
    taken = needed_source.is_reserved(name)
    if not is_name or taken or (other and Path(other).resolve() != file):
        raise InputError(
            str(file),
            expected="a file whose name is that of a new module: my_losses.py",
            received=f"the name of {other or 'a module of Python, TensorFlow or a bundle'}"
            if is_name
            else repr(file.name),
        )


def _origin(name: str) -> str | None:
    with suppress(ValueError):  # a module without a spec
        spec = importlib.util.find_spec(name)
        return spec.origin if spec else None
    return "a module in this process"


def _refuse_others(file: Path) -> None:
    """Refuses a file that somebody else wrote, or changed."""
    if not file.exists():
        return
    text = file.read_text(encoding="utf-8")
    body = text.partition("\n\n")[2]
    if text != _HEADER.format(", ".join(_names(text)), _sha256(body)) + body:
        raise InputError(
            str(file),
            expected="a new file, or one as huberflow.objects.write wrote it",
            received="a file that was written or changed by somebody else",
            hint="choose another name, or delete it",
        )


def _refuse_loss(file: Path, text: str, names: Sequence[str]) -> None:
    """Refuses to replace a module by a text without some of the objects that were written to it."""
    earlier = _names(file.read_text(encoding="utf-8")) if file.exists() else []
    defined = {getattr(node, "name", None) for node in ast.parse(text).body}
    if lost := [name for name in earlier if name not in defined]:
        together = ", ".join([*lost, *names])
        raise InputError(
            str(file),
            expected="all objects of a module in one call",
            received=f"{', '.join(names)}; the file has {', '.join(lost)} too",
            hint="or choose another file, or delete this one",
            write=f'{together} = huberflow.objects.write("{file.name}", {together})',
        )


def _names(text: str) -> list[str]:
    """The objects that a module was written for."""
    found = _NAMES_IN_HEADER.match(text)
    return found[1].split(", ") if found else []


def _write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, file)
    # Python takes bytecode for that of a source with the same size and second.
    Path(importlib.util.cache_from_source(file)).unlink(missing_ok=True)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
