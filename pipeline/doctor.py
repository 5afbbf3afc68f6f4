"""Checks this machine: what it has, what it lacks, and what does not work without that."""

import os
import platform
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rich import box
from rich.table import Table
from rich.text import Text

from huberflow.installation import glibc, old_glibc, remedies
from huberflow.pipeline.system import logs

GIB = 1024**3
MIN_MEMORY, MIN_DISK = 4 * GIB, 5 * GIB

PACKAGES = {
    "huberflow": ("huberflow", "the huberflow command"),
    "tensorflow": ("huberflow", "training and serving"),
    "tf-keras": ("huberflow", "training, and loading what was trained"),
    "tfx": ("huberflow[tfx]", "every run of the pipeline"),
    "apache-beam": (
        "huberflow[tfx]",
        "the data steps: examples, statistics, transform, evaluation",
    ),
    "tensorflow-data-validation": (
        "huberflow[tfx]",
        "statistics, schemas and the validation of examples",
    ),
    "tensorflow-transform": ("huberflow[tfx]", "features, in training and in serving"),
    "tensorflow-model-analysis": (
        "huberflow[tfx]",
        "the evaluation, and the gate before a model is pushed",
    ),
    "ml-metadata": ("huberflow[tfx]", "every run of the pipeline: it records what ran"),
    "mlflow": ("huberflow[mlflow]", "tracking runs and comparing them"),
    "model-signing": ("huberflow[signing]", "signing models, and checking who signed one"),
}
"""For each package: what installs it, and what does not work without it."""

PROGRAMS = {
    "container engine": (("docker", "podman"), "building images; install docker or podman"),
    "C++ compiler": (
        ("c++", "g++", "clang++"),
        "installing again: pyfarmhash has no wheel; install g++ or clang++",
    ),
    "Git": (("git",), "recording the commit of each run; install git"),
}
"""For each program: its possible names, and what does not work without it."""

DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/dev/dxg")
"""Files that a driver for GPUs makes; the last one is that of Windows' Linux."""

Severity = Literal["ok", "warning", "error"]
_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    subject: str
    """The thing that was checked."""
    severity: Severity
    """A warning where runs work, but slower or without some feature; else runs do not work."""
    value: str
    """What this machine has."""
    consequence: str = ""
    """What does not work, and what to do; empty when ok."""
    command: str = ""
    """The command that mends it, where there is one."""


def run_checks(workspace: Path) -> list[CheckResult]:
    """Checks the machine and this environment; imports TensorFlow only where there is a GPU.

    Args:
      workspace: the folder of the runs; it need not exist yet.
    """
    return [
        check_python(),
        *map(check_package, PACKAGES),
        check_glibc(),
        check_cpus(),
        check_memory(),
        check_gpus(),
        check_disk(workspace),
        check_java(),
        *map(check_program, PROGRAMS),
    ]


def results_table(results: Sequence[CheckResult]) -> Table:
    """The results as a table for the terminal; ``remedies_text`` has the commands."""
    table = Table(box=box.SIMPLE)
    for heading in ("", "Status", "Found", "Consequence and remedy"):
        table.add_column(heading, overflow="fold")
    for result in results:
        severity = Text(result.severity, style=_STYLES[result.severity])
        # Text, not str: rich would read brackets in a value as markup.
        table.add_row(result.subject, severity, Text(result.value), Text(result.consequence))
    return table


def remedies_text(results: Sequence[CheckResult]) -> str:
    """Each command that mends something, once, in a line of its own; for what, in the line above.

    It is no part of the table, whose columns would break a command into pieces.
    """
    subjects: dict[str, list[str]] = {}
    for result in results:
        if result.command:
            subjects.setdefault(result.command, []).append(result.subject)
    return "\n".join(f"{', '.join(names)}:\n  {line}" for line, names in subjects.items())


def check_python() -> CheckResult:
    """Whether this Python is one that huberflow is tested on."""
    expected = SpecifierSet(",".join(_metadata_of_huberflow("Requires-Python")))
    remedy = f"install huberflow into a new environment, of Python {expected}"
    return _compared("Python", platform.python_version(), expected, remedy)


def check_package(name: str) -> CheckResult:
    """Whether a package is installed, in the version that huberflow requires."""
    installed_by, use = PACKAGES[name]
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        # A user may do without an extra; `make` installs all.
        optional = "[" in installed_by and not remedies.made_by_make()
        severity: Severity = "warning" if optional else "error"
        command = remedies.install(installed_by)
        return CheckResult(name, severity, "not installed", f"{use}; install it", command)
    expected = required_version(name)
    command = remedies.restore(f"{name}{expected}")
    return _compared(name, version, expected, "restore the tested version", command)


def _compared(
    subject: str, version: str, expected: SpecifierSet, remedy: str, command: str = ""
) -> CheckResult:
    if expected.contains(version, prereleases=True):
        return CheckResult(subject, "ok", version)
    consequence = f"relying on huberflow's tests; {remedy}"
    return CheckResult(subject, "warning", f"{version}, expected {expected}", consequence, command)


def required_version(package: str) -> SpecifierSet:
    """The versions of a package that huberflow, or an extra, requires."""
    requirements = map(Requirement, _metadata_of_huberflow("Requires-Dist"))
    return next((each.specifier for each in requirements if each.name == package), SpecifierSet())


def _metadata_of_huberflow(key: str) -> list[str]:
    try:
        return metadata.metadata("huberflow").get_all(key) or []
    except metadata.PackageNotFoundError:
        return []


def check_glibc() -> CheckResult:
    """Whether the two libraries that are published for glibc 2.39 load on this one."""
    found = glibc.version()
    if found is None:
        return CheckResult("glibc", "ok", "not used by this system")
    version = f"{found[0]}.{found[1]}"
    if found < glibc.OLDEST:
        consequence = "every run: ml-metadata does not load; use a system with glibc 2.34 or later"
        return CheckResult("glibc", "error", version, consequence)
    if not glibc.needs_repair(found):
        return CheckResult("glibc", "ok", f"{version}, which needs no repair")
    site = Path(sysconfig.get_path("platlib"))
    states = {
        Path(name).name: old_glibc.state(site / name, repaired)
        for name, repaired in old_glibc.REPAIRED_HASHES.items()
    }
    if set(states.values()) == {"missing"}:
        return CheckResult("glibc", "ok", f"{version}; nothing that needs its repair is installed")
    if set(states.values()) == {"repaired"}:
        return CheckResult("glibc", "ok", f"{version}, for which two libraries were repaired")
    value = f"{version}; " + ", ".join(f"{name}: {state}" for name, state in states.items())
    consequence = (
        "every run: ml-metadata and tensorflow-data-validation load here only when repaired; "
        "repair them"
    )
    return CheckResult("glibc", "error", value, consequence, "huberflow doctor --repair")


def check_cpus() -> CheckResult:
    """How many CPUs this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity else psutil.cpu_count() or 1
    return CheckResult("CPUs", "ok", str(count))


def check_memory() -> CheckResult:
    """Whether enough memory is free for a run."""
    memory = psutil.virtual_memory()
    value = f"{_gib(memory.available)} free of {_gib(memory.total)}"
    if memory.available >= MIN_MEMORY:
        return CheckResult("memory", "ok", value)
    consequence = (
        f"long runs: with less than {_gib(MIN_MEMORY)} free the system may kill them; "
        "close other programs"
    )
    return CheckResult("memory", "warning", value, consequence)


def check_gpus() -> CheckResult:
    """Which GPUs TensorFlow sees."""
    consequence = "training and serving on a GPU, and `verify --device gpu`; the CPU is used"
    if not any(map(os.path.exists, DRIVERS)):
        return CheckResult("GPUs", "warning", "none with an NVIDIA driver", consequence)
    try:
        gpus = _visible_gpus()
    except ImportError as error:
        value = f"TensorFlow does not load: {error}"
        command = remedies.reinstall("tensorflow")
        return CheckResult("GPUs", "error", value, "training and serving; reinstall it", command)
    if gpus:
        return CheckResult("GPUs", "ok", ", ".join(gpus))
    return CheckResult("GPUs", "warning", "none that TensorFlow sees", consequence)


def _visible_gpus() -> list[str]:
    """Names of the GPUs, such as ``NVIDIA H200``."""
    with logs.quiet():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(device) for device in devices]
    return [detail.get("device_name", "unnamed GPU") for detail in details]


def check_disk(workspace: Path) -> CheckResult:
    """Whether the workspace's file system has enough space for a run."""
    folder = workspace.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    value = f"{_gib(free)} free for {workspace}"
    if free >= MIN_DISK:
        return CheckResult("disk", "ok", value)
    consequence = (
        f"a whole run: expected {_gib(MIN_DISK)} for its artifacts; free some space, "
        "or use a workspace on another disk"
    )
    return CheckResult("disk", "error", value, consequence)


def check_java() -> CheckResult:
    """Whether Java runs, which Beam's Flink runner needs."""
    consequence = "Flink jobs; install a Java runtime, version 11 or later"
    missing = CheckResult("Java", "warning", "not found", consequence)
    java = shutil.which("java")
    if java is None:
        return missing
    command = [java, "-version"]
    try:
        # The version is on stderr. The stub on a Mac without Java fails.
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return missing
    version = (answer.stderr or answer.stdout).partition("\n")[0].strip()
    return CheckResult("Java", "ok", version or "of unknown version")


def check_program(subject: str) -> CheckResult:
    """Whether one of ``PROGRAMS`` is installed."""
    names, consequence = PROGRAMS[subject]
    installed = next(filter(shutil.which, names), None)
    if installed:
        return CheckResult(subject, "ok", installed)
    return CheckResult(subject, "warning", "not found", consequence)


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"
