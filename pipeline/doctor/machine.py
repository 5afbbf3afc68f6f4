"""Checks of the machine: processors, memory, GPUs, disk, and other programs."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from huberflow.pipeline.doctor.check_result import CheckResult

GIB = 1024**3
MIN_MEMORY, MIN_DISK = 4 * GIB, 5 * GIB


def check_cpus() -> CheckResult:
    """How many CPUs this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else psutil.cpu_count() or 1
    return CheckResult("CPUs", "ok", str(count))


def check_memory() -> CheckResult:
    """Whether enough memory is free for a run."""
    memory = psutil.virtual_memory()
    value = f"{_gib(memory.available)} free of {_gib(memory.total)}"
    if memory.available >= MIN_MEMORY:
        return CheckResult("memory", "ok", value)
    return CheckResult(
        "memory",
        "warning",
        value,
        f"long runs: with less than {_gib(MIN_MEMORY)} free the system may kill them; "
        "close other programs",
    )


def check_gpus() -> CheckResult:
    """Which GPUs TensorFlow sees."""
    try:
        gpus = _visible_gpus()
    except ImportError as error:
        return CheckResult(
            "GPUs",
            "error",
            f"TensorFlow does not load: {error}",
            "training and serving; reinstall with: rm -rf .venv && make setup",
        )
    if gpus:
        return CheckResult("GPUs", "ok", ", ".join(gpus))
    return CheckResult(
        "GPUs",
        "warning",
        "none that TensorFlow sees",
        "training and serving on a GPU, and `verify --device gpu`; the CPU is used",
    )


def check_disk(workspace: Path) -> CheckResult:
    """Whether the workspace's file system has room for a run."""
    folder = workspace.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    value = f"{_gib(free)} free for {workspace}"
    if free >= MIN_DISK:
        return CheckResult("disk", "ok", value)
    return CheckResult(
        "disk",
        "error",
        value,
        f"a whole run: expected {_gib(MIN_DISK)} for its artifacts; free some space, "
        "or use a workspace on another disk",
    )


def check_java() -> CheckResult:
    """Whether Java runs, which Beam's Flink runner needs."""
    version = _java_version()
    if version is not None:
        return CheckResult("Java", "ok", version)
    return CheckResult(
        "Java", "warning", "not found", "Flink jobs; install a Java runtime, version 11 or later"
    )


def check_containers() -> CheckResult:
    """Whether a container engine is installed, to build images."""
    return _on_path(
        "container engine", ("docker", "podman"), "building images; install docker or podman"
    )


def check_compiler() -> CheckResult:
    """Whether a C++ compiler is installed, which an installation needs."""
    return _on_path(
        "C++ compiler",
        ("c++", "g++", "clang++"),
        "installing again: pyfarmhash has no wheel; install g++ or clang++",
    )


def check_git() -> CheckResult:
    """Whether Git is installed, to record the commit of each run."""
    return _on_path("Git", ("git",), "recording the commit of each run; install git")


def _visible_gpus() -> list[str]:
    """Names of the GPUs, such as ``NVIDIA H200``."""
    with _silent_stderr():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        details = [tf.config.experimental.get_device_details(device) for device in devices]
    return [detail.get("device_name", "unnamed GPU") for detail in details]


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discards stderr, which TensorFlow's C++ code writes to by its descriptor."""
    stderr = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


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


def _on_path(subject: str, programs: Sequence[str], consequence: str) -> CheckResult:
    found = next((name for name in programs if shutil.which(name)), None)
    if found:
        return CheckResult(subject, "ok", found)
    return CheckResult(subject, "warning", "not found", consequence)


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"
