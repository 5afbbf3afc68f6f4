"""What the machine has: processors, memory, GPUs, disk, and other programs."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from huberflow.pipeline.doctor.finding import Finding

GIB = 1024**3
LEAST_MEMORY, LEAST_DISK = 4 * GIB, 5 * GIB


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
