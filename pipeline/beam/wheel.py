"""The code that remote workers import, as a wheel: huberflow's, and the user's modules."""

import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from huberflow.custom_objects.user_objects import UserObjects
from huberflow.pipeline.system.atomic_write import written_atomically
from huberflow.pipeline.system.source_hash import NODE_PACKAGES, package_folder

_NAME = "huberflow_workers"
_WHEEL = "Wheel-Version: 1.0\nGenerator: huberflow\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(into: Path, objects: UserObjects | None) -> Path:
    """A wheel of the packages that run on workers and of the snapshot of the user's modules.

    huberflow's own wheel would bring the command line, and lack the user's modules. The file is
    named after a hash of the source, and written once.
    """
    files = _files(objects)
    sha256 = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    version = f"{metadata.version('huberflow')}+{sha256[:12]}"
    wheel = into / f"{_NAME}-{version}-py3-none-any.whl"
    if not wheel.exists():
        into.mkdir(parents=True, exist_ok=True)
        with written_atomically(wheel) as temporary:
            _write(temporary, files, f"{_NAME}-{version}.dist-info", version)
    return wheel


def unpacked(wheel: Path) -> Path:
    """The folder beside a wheel that has its content, for workers on this machine; written once."""
    folder = wheel.with_suffix("")
    if not folder.exists():
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(temporary)
        os.replace(temporary, folder)
    return folder


def _files(objects: UserObjects | None) -> dict[str, bytes]:
    """The content of each file by its path in the wheel."""
    contents = {"huberflow/__init__.py": (package_folder("huberflow") / "__init__.py").read_bytes()}
    # The package's public names are lazy, and where one needs an extra, its error says so.
    for package in (*NODE_PACKAGES, "huberflow.installation"):
        folder, below = package_folder(package), package.replace(".", "/")
        for file in folder.rglob("*.py"):
            contents[f"{below}/{file.relative_to(folder).as_posix()}"] = file.read_bytes()
    if objects is not None and objects.folder is not None:
        for name, module in objects.modules.items():
            for path in module.files:
                contents[path] = (objects.folder / path).read_bytes()
            init = f"{name}/__init__.py"
            contents[init if init in contents else f"{name}.py"] += _registration(name, objects)
    return contents


def _registration(package: str, objects: UserObjects) -> bytes:
    """The end of a user's module on a worker, where nothing else registers its objects."""
    names = [each for each in objects.registrations() if each[0].split(".")[0] == package]
    return (
        f"\n\nfrom huberflow.custom_objects import user_objects\n\nuser_objects.register({names})\n"
    ).encode()


def _write(wheel: Path, files: Mapping[str, bytes], info: str, version: str) -> None:
    about = f"Metadata-Version: 2.1\nName: {_NAME}\nVersion: {version}\n"
    contents = {**files, f"{info}/METADATA": about.encode(), f"{info}/WHEEL": _WHEEL.encode()}
    record = []
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record.append(f"{name},sha256={digest},{len(content)}")
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)
