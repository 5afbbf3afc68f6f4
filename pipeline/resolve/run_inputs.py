"""A digest of all that decides a run, taken in milliseconds: a run with an equal one is the same.

Files of the user count as in make: by place, size and times. Where something cannot be known so
quickly, there is no digest.
"""

import glob
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huberflow.custom_objects.json_record import JSON
from huberflow.pipeline.system.source_hash import package_folder

TOO_NEW = 2.0
"""Seconds: a file that was written less long ago may change again within one tick of its disk."""

FILES = (
    "data.path",
    "data.splits.files",
    "data.pinned_schema",
    "export.signing",
    "model.build",
    "objects",
)
"""The keys of the config that name files of the user, or the sections that have such keys."""

_ENVIRONMENT = ("CUDA_", "MLFLOW_", "ONEDNN_", "OMP_", "PYTHON", "TF_", "XLA_")
"""How the names of variables begin that may change what a run does."""


def digest(asked: Mapping[str, JSON], workspace: Path) -> str:
    """The digest of a run that begins now; empty where a file is too new to be sure of it.

    Args:
      asked: what the user sets, a file and ``--set`` merged; it may be wrong.
      workspace: the folder of the runs.
    """
    files = {str(path): _state(path) for path in _files_in(asked)}
    newest = max((max(state[2:]) for state in files.values()), default=0)
    if newest > (time.time() - TOO_NEW) * 1e9:
        return ""
    inputs = {
        "asked": asked,
        "workspace": str(workspace),
        "files": files,
        "code": _code(),
        "python": platform.python_version(),
        "packages": _packages(),
        "environment": {key: os.environ[key] for key in sorted(os.environ) if _decides(key)},
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def _files_in(asked: Mapping[str, JSON]) -> Iterator[Path]:
    """The user's files: as they are named, in a folder or by a pattern."""
    for key in FILES:
        value: Any = asked
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        for text in _texts(value):
            yield from _files_of(text)


def _texts(value: JSON) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        file, colon, _ = value.rpartition(":")  # of file.py:function
        yield from [file] if colon else []
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _files_of(text: str) -> Iterator[Path]:
    path = Path(text).expanduser()
    found = [path] if path.exists() else map(Path, glob.iglob(str(path), recursive=True))
    for each in found:
        if each.is_dir():
            yield from _files_below(each)
        else:
            yield each.absolute()


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder.absolute(), followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(place, name) for name in names)


def _state(path: Path) -> tuple[int, int, int, int]:
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def _code() -> str:
    """SHA-256 of huberflow's files."""
    hashed = hashlib.sha256()
    root = package_folder("huberflow")
    for path in sorted(_files_below(root)):
        content = path.read_bytes()
        hashed.update(f"{path.relative_to(root.absolute())}\0{len(content)}\0".encode() + content)
    return hashed.hexdigest()


def _packages() -> list[str]:
    """The names and versions of all installed packages, which are those of their folders."""
    folders = (folder for folder in sys.path if os.path.isdir(folder))
    return sorted(
        name
        for folder in folders
        for name in os.listdir(folder)
        if name.endswith((".dist-info", ".egg-info", ".egg-link"))
    )


def _decides(variable: str) -> bool:
    return variable.startswith(_ENVIRONMENT)
