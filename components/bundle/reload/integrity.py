"""Compares the files of a bundle with its certificate; runs no code of it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from .errors import ReloadError
from .form import misfits
from .layout import (
    CERTIFICATE,
    KERAS_GENERATION,
    LOADER,
    NO_BYTECODE,
    SCHEMA_VERSION,
    SIGNATURE,
    Certificate,
)


def verify(path: str | os.PathLike[str]) -> Certificate:
    """The certificate, after every file of the bundle has been compared with it.

    Raises:
      ReloadError: a file was changed, is missing, was added, or is a link; or the bundle is for
        another Keras generation or a newer loader, or its certificate lacks a field.
    """
    root = Path(path).resolve()
    certificate = _read_certificate(root)
    present = _files(root)
    expected = without_lost_guards(certificate["files"], present)
    for name in expected:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ReloadError(f"{name}: the certificate names a file outside of the bundle")
        if name not in present:
            raise ReloadError(f"{name}: missing from the bundle")
    for name in sorted(present - {CERTIFICATE, SIGNATURE}):
        if name not in expected:
            raise ReloadError(f"{name}: not part of the bundle; remove it, or export again")
    for name, received in digests(root, sorted(expected)).items():
        if received != expected[name]:
            raise ReloadError(f"{name}: changed after the export; copy the model again")
    return certificate


@contextmanager
def verified(path: str | os.PathLike[str]) -> Iterator[tuple[Path, Certificate]]:
    """The folder of a bundle and its certificate, for a block that reads its files once more.

    Raises:
      ReloadError: see ``verify``; or a file was changed or replaced before the block ended.
    """
    root = Path(path).resolve()
    before = _last_changes(root)
    certificate = verify(root)
    try:
        yield root, certificate
    except Exception as error:
        _refuse_changed(root, before, error)
        raise
    _refuse_changed(root, before)


def _refuse_changed(
    root: Path, before: Mapping[str, object], error: Exception | None = None
) -> None:
    after = _last_changes(root)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            raise ReloadError(f"{name}: changed while it was read; try again") from error


def _last_changes(root: Path) -> dict[str, object]:
    """Size and last change of each file and folder; no program can set the time of a change."""
    found: dict[str, object] = {}
    for path in (root, *sorted(root.rglob("*"))):
        with suppress(FileNotFoundError):
            about = path.lstat()
            size = 0 if path.is_dir() else about.st_size
            found[path.relative_to(root).as_posix()] = (size, about.st_mtime_ns, about.st_ctime_ns)
    return found


def without_lost_guards(files: Mapping[str, str], present: Collection[str]) -> dict[str, str]:
    """Files with their digests, but for guards against bytecode that a copy has left out.

    Many tools do not copy what has this name; without it, bytecode would be a file too many.
    """
    return {
        name: sha256
        for name, sha256 in files.items()
        if name in present or PurePosixPath(name).name != NO_BYTECODE
    }


def verify_loader(path: str | os.PathLike[str]) -> Certificate:
    """The certificate, after the bundle's own ``reload.py``, which compares the rest, alone.

    Raises:
      ReloadError: one of the two was changed.
    """
    root = Path(path).resolve()
    certificate = _read_certificate(root)
    if (root / LOADER).is_symlink() or digest(root / LOADER) != certificate["files"].get(LOADER):
        raise ReloadError(f"{LOADER}: changed after the export; copy the model again")
    return certificate


def seal(certificate: Mapping[str, object]) -> str:
    """The certificate's text, with its own SHA-256; there is one valid text, so a change shows."""
    body = {key: value for key, value in certificate.items() if key != "sha256"}
    sha256 = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return json.dumps({**body, "sha256": sha256}, indent=1, sort_keys=True) + "\n"


def digests(root: Path, names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of files below a folder, in hex; of several at a time, in little memory."""
    with ThreadPoolExecutor() as pool:  # a hash is computed outside of Python's lock
        return dict(zip(names, pool.map(digest, [root / name for name in names]), strict=True))


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_certificate(root: Path) -> Certificate:
    try:
        text = (root / CERTIFICATE).read_bytes().decode()
        parsed = json.loads(text)
        is_sealed = isinstance(parsed, dict) and seal(parsed) == text
    except FileNotFoundError as error:
        raise ReloadError(f"{root}: no {CERTIFICATE}; expected an exported model") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ReloadError(f"{CERTIFICATE}: changed after the export: {error}") from error
    if not is_sealed:
        raise ReloadError(f"{CERTIFICATE}: changed after the export; copy the model again")
    if (version := parsed.get("schema_version", SCHEMA_VERSION)) != SCHEMA_VERSION:
        raise ReloadError(
            f"{CERTIFICATE}: schema_version: expected {SCHEMA_VERSION}, received {version}; "
            "use the reload.py of the bundle itself"
        )
    if wrong := next(misfits(parsed, Certificate, ""), None):
        raise ReloadError(f"{CERTIFICATE}: {wrong}; export the model again")
    certificate: Certificate = parsed
    if certificate["keras_generation"] not in (KERAS_GENERATION, None):
        raise ReloadError(
            f"{CERTIFICATE}: keras_generation: expected {KERAS_GENERATION!r}, received "
            f"{certificate['keras_generation']!r}"
        )
    return certificate


def _files(root: Path) -> set[str]:
    """Every file below ``root``."""
    present = set()
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            is_folder = path.is_dir() and relative not in (CERTIFICATE, SIGNATURE)
            if path.is_symlink() or not (path.is_file() or is_folder):
                raise ReloadError(f"{relative}: expected a plain file or folder in a bundle")
            if path.is_file():
                present.add(relative)
    return present
