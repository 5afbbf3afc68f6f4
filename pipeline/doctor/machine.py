"""Checks of the machine: processors, memory, GPUs, disk, and other programs."""

import os
import shutil
import subprocess
from pathlib import Path

import psutil

from huberflow.pipeline.doctor.check_result import CheckResult
from huberflow.pipeline.system import logs

GIB = 1024**3
MIN_MEMORY, MIN_DISK = 4 * GIB, 5 * GIB


PROGRAMS = {
    "container engine": (("docker", "podman"), "building images; install docker or podman"),
    "C++ compiler": (
        ("c++", "g++", "clang++"),
        "installing again: pyfarmhash has no wheel; install g++ or clang++",
    ),
    "Git": (("git",), "recording the commit of each run; install git"),
}
"""For each program: its possible names, and what does not work without it."""


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
    try:
        gpus = _visible_gpus()
    except ImportError as error:
        consequence = "training and serving; reinstall with: rm -rf .venv && make setup"
        return CheckResult("GPUs", "error", f"TensorFlow does not load: {error}", consequence)
    if gpus:
        return CheckResult("GPUs", "ok", ", ".join(gpus))
    consequence = "training and serving on a GPU, and `verify --device gpu`; the CPU is used"
    return CheckResult("GPUs", "warning", "none that TensorFlow sees", consequence)


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
    version = _java_version()
    if version is not None:
        return CheckResult("Java", "ok", version)
    consequence = "Flink jobs; install a Java runtime, version 11 or later"
    return CheckResult("Java", "warning", "not found", consequence)


def check_program(subject: str) -> CheckResult:
    """Whether one of ``PROGRAMS`` is installed."""
    names, consequence = PROGRAMS[subject]
    installed = next((name for name in names if shutil.which(name)), None)
    if installed:
        return CheckResult(subject, "ok", installed)
    return CheckResult(subject, "warning", "not found", consequence)


def _visible_gpus() -> list[str]:
    """Names of the GPUs, such as ``NVIDIA H200``."""
    with logs.quiet():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(device) for device in devices]
    return [detail.get("device_name", "unnamed GPU") for detail in details]


def _java_version() -> str | None:
    java = shutil.which("java")
    if java is None:
        return None
    try:
        # The version is on stderr. The stub on a Mac without Java fails.
        answer = subprocess.run(
            [java, "-version"], check=True, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return (answer.stderr or answer.stdout).partition("\n")[0].strip() or "of unknown version"


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"
