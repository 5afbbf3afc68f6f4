"""Examines this machine: what is there, what is not, and what the lack of it prevents."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipeline import old_glibc

if TYPE_CHECKING:
    from rich.table import Table

Status = Literal["ok", "note", "lack"]

GIB = 1024**3
LEAST_MEMORY, LEAST_DISK = 4 * GIB, 5 * GIB

# What each package is there for, hence what its absence prevents.
PACKAGES = {
    "huberflow": "the huberflow command",
    "tensorflow": "training and serving",
    "tf-keras": "training, and loading what was trained",
    "tfx": "every run of the pipeline",
    "apache-beam": "the data steps: examples, statistics, transform, evaluation",
    "tensorflow-data-validation": "statistics, schemas and the check of examples against them",
    "tensorflow-transform": "features, in training and in serving",
    "tensorflow-model-analysis": "the evaluation, and the gate before a model is pushed",
    "ml-metadata": "every run of the pipeline: it keeps what ran",
    "mlflow": "tracking runs and comparing them",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    Attributes:
      subject: what was looked at.
      status: ``ok``; ``note`` when something works less well or not at all that a run can do
        without; ``lack`` when a run cannot do without it.
      value: what was found.
      prevents: what this prevents, and the line that mends it; empty when ``ok``.
    """

    subject: str
    status: Status
    value: str
    prevents: str = ""


def examine(workspace: Path) -> list[Finding]:
    """Examines the machine and this environment; takes seconds, for TensorFlow is imported.

    Args:
      workspace: the folder that runs write to; it need not exist yet.
    """
    return [
        check_python(),
        *(check_package(name, prevents) for name, prevents in PACKAGES.items()),
        check_glibc(),
        check_cpus(),
        check_memory(),
        check_gpus(),
        check_disk(workspace),
        check_java(),
        check_containers(),
        check_compiler(),
        check_git(),
    ]


def render(findings: Sequence[Finding]) -> Table:
    """The findings as a table for the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    styles = {"ok": "green", "note": "yellow", "lack": "bold red"}
    table = Table("", "Status", "Found", "What this prevents, and the remedy", box=box.SIMPLE)
    for finding in findings:
        status = Text(finding.status, style=styles[finding.status])
        # Text, not str: a value may hold brackets, which rich would take for markup.
        table.add_row(finding.subject, status, Text(finding.value), Text(finding.prevents))
    return table


def check_python() -> Finding:
    """Whether this Python is one that huberflow is tested on."""
    version = platform.python_version()
    return _compared("Python", version, _python_range(), "rm -rf .venv && make setup")


def check_package(name: str, prevents: str) -> Finding:
    """Whether a package is installed, in the version that huberflow requires."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "lack", "not installed", f"{prevents}; install it with: make setup")
    return _compared(name, version, _required(name), "rm -rf .venv && make setup")


def check_glibc() -> Finding:
    """Whether the two libraries that are published for glibc 2.39 load on this one."""
    glibc = old_glibc.glibc_version()
    if glibc is None:
        return Finding("glibc", "ok", "not what this system uses")
    version = f"{glibc[0]}.{glibc[1]}"
    if glibc < old_glibc.OLDEST:
        return Finding(
            "glibc",
            "lack",
            version,
            "every run: ml-metadata does not load; use a system with glibc 2.34 or later",
        )
    if not old_glibc.is_needed(glibc):
        return Finding("glibc", "ok", f"{version}, which needs no repair")
    return _repair_state(version)


def check_cpus() -> Finding:
    """How many CPUs this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else psutil.cpu_count() or 1
    return Finding("CPUs", "ok", str(count))


def check_memory() -> Finding:
    """Whether enough memory is free for a run."""
    memory = psutil.virtual_memory()
    value = f"{_gib(memory.available)} free of {_gib(memory.total)}"
    if memory.available >= LEAST_MEMORY:
        return Finding("memory", "ok", value)
    return Finding(
        "memory",
        "note",
        value,
        f"a run beside what is running now: below {_gib(LEAST_MEMORY)} free the system may end it; "
        "close other programs",
    )


def check_gpus() -> Finding:
    """Which GPUs TensorFlow sees."""
    try:
        gpus = _visible_gpus()
    except ImportError as error:
        return Finding(
            "GPUs",
            "lack",
            f"TensorFlow does not load: {error}",
            "training and serving; reinstall with: rm -rf .venv && make setup",
        )
    if gpus:
        return Finding("GPUs", "ok", ", ".join(gpus))
    return Finding(
        "GPUs",
        "note",
        "none that TensorFlow sees",
        "trains and serves on the CPU; `verify --device gpu` would fail",
    )


def check_disk(workspace: Path) -> Finding:
    """Whether the workspace's file system has room for a run."""
    folder = workspace.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    value = f"{_gib(free)} free for {workspace}"
    if free >= LEAST_DISK:
        return Finding("disk", "ok", value)
    return Finding(
        "disk",
        "lack",
        value,
        f"a run to its end: expected {_gib(LEAST_DISK)} for its artifacts; free some, "
        "or name a workspace on another disk",
    )


def check_java() -> Finding:
    """Whether Java runs, which Beam's Flink runner needs."""
    version = _java_version()
    if version is not None:
        return Finding("Java", "ok", version)
    return Finding(
        "Java", "note", "not found", "Flink jobs; install a Java runtime, version 11 or later"
    )


def check_containers() -> Finding:
    """Whether a container engine is there to build images with."""
    return _on_path(
        "container engine", ("docker", "podman"), "building images; install docker or podman"
    )


def check_compiler() -> Finding:
    """Whether a C++ compiler is there to install with."""
    return _on_path(
        "C++ compiler",
        ("c++", "g++", "clang++"),
        "installing anew: pyfarmhash has no wheel; install g++ or clang++",
    )


def check_git() -> Finding:
    """Whether Git is there to name the commit that ran."""
    return _on_path("Git", ("git",), "naming the commit that a run was made from; install git")


def _compared(subject: str, version: str, expected: SpecifierSet, remedy: str) -> Finding:
    if expected.contains(version, prereleases=True):
        return Finding(subject, "ok", version)
    return Finding(
        subject,
        "note",
        f"{version}, expected {expected}",
        f"relying on what was tested; restore the tested version with: {remedy}",
    )


def _required(name: str) -> SpecifierSet:
    for requirement in map(Requirement, _metadata_of_huberflow("Requires-Dist")):
        if requirement.name == name and "extra" not in str(requirement.marker or ""):
            return requirement.specifier
    return SpecifierSet()


def _python_range() -> SpecifierSet:
    return SpecifierSet(",".join(_metadata_of_huberflow("Requires-Python")))


def _metadata_of_huberflow(key: str) -> list[str]:
    try:
        return metadata.metadata("huberflow").get_all(key) or []
    except metadata.PackageNotFoundError:
        return []


def _repair_state(version: str) -> Finding:
    site = Path(sysconfig.get_path("platlib"))
    states = {
        Path(name).name: old_glibc.state(site / name, known)
        for name, known in old_glibc.KNOWN.items()
    }
    if set(states.values()) == {"repaired"}:
        return Finding("glibc", "ok", f"{version}, for which two libraries were repaired")
    return Finding(
        "glibc",
        "lack",
        f"{version}; " + ", ".join(f"{name}: {state}" for name, state in states.items()),
        "every run: ml-metadata and tensorflow-data-validation load here only when repaired; "
        "repair them with: rm -rf .venv && make setup",
    )


def _visible_gpus() -> list[str]:
    """Names of the GPUs, such as ``NVIDIA H200``."""
    with _silent_stderr():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(device) for device in devices]
    return [detail.get("device_name", "unnamed GPU") for detail in details]


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Silences this process, TensorFlow's C++ included, which writes to the descriptor itself."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _java_version() -> str | None:
    java = shutil.which("java")
    if java is None:
        return None
    try:
        # It answers on stderr. A mere stub, as on a Mac without Java, fails.
        done = subprocess.run(
            [java, "-version"], check=True, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return (done.stderr or done.stdout).partition("\n")[0].strip() or "of unknown version"


def _on_path(subject: str, programs: Sequence[str], prevents: str) -> Finding:
    found = next((name for name in programs if shutil.which(name)), None)
    if found:
        return Finding(subject, "ok", found)
    return Finding(subject, "note", "not found", prevents)


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"
