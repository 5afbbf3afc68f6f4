"""Checks of the installation: Python, packages, and the repair that some systems need."""

import platform
import sysconfig
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from huberflow.installation import old_glibc
from huberflow.pipeline.doctor.check_result import CheckResult

PACKAGES = {
    "huberflow": "the huberflow command",
    "tensorflow": "training and serving",
    "tf-keras": "training, and loading what was trained",
    "tfx": "every run of the pipeline",
    "apache-beam": "the data steps: examples, statistics, transform, evaluation",
    "tensorflow-data-validation": "statistics, schemas and the validation of examples",
    "tensorflow-transform": "features, in training and in serving",
    "tensorflow-model-analysis": "the evaluation, and the gate before a model is pushed",
    "ml-metadata": "every run of the pipeline: it records what ran",
    "mlflow": "tracking runs and comparing them",
}
"""What each package is for, hence what does not work without it."""


def check_python() -> CheckResult:
    """Whether this Python is one that huberflow is tested on."""
    version = platform.python_version()
    return _compared("Python", version, _python_range(), "rm -rf .venv && make setup")


def check_package(name: str) -> CheckResult:
    """Whether a package is installed, in the version that huberflow requires."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        consequence = f"{PACKAGES[name]}; install it with: make setup"
        return CheckResult(name, "error", "not installed", consequence)
    return _compared(name, version, _required(name), "rm -rf .venv && make setup")


def check_glibc() -> CheckResult:
    """Whether the two libraries that are published for glibc 2.39 load on this one."""
    glibc = old_glibc.glibc_version()
    if glibc is None:
        return CheckResult("glibc", "ok", "not used by this system")
    version = f"{glibc[0]}.{glibc[1]}"
    if glibc < old_glibc.OLDEST:
        return CheckResult(
            "glibc",
            "error",
            version,
            "every run: ml-metadata does not load; use a system with glibc 2.34 or later",
        )
    if not old_glibc.is_needed(glibc):
        return CheckResult("glibc", "ok", f"{version}, which needs no repair")
    return _repair_state(version)


def _compared(subject: str, version: str, expected: SpecifierSet, remedy: str) -> CheckResult:
    if expected.contains(version, prereleases=True):
        return CheckResult(subject, "ok", version)
    return CheckResult(
        subject,
        "warning",
        f"{version}, expected {expected}",
        f"relying on huberflow's tests; restore the tested version with: {remedy}",
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


def _repair_state(version: str) -> CheckResult:
    site = Path(sysconfig.get_path("platlib"))
    states = {
        Path(name).name: old_glibc.state(site / name, repaired)
        for name, repaired in old_glibc.REPAIRED_HASHES.items()
    }
    if set(states.values()) == {"repaired"}:
        return CheckResult("glibc", "ok", f"{version}, for which two libraries were repaired")
    return CheckResult(
        "glibc",
        "error",
        f"{version}; " + ", ".join(f"{name}: {state}" for name, state in states.items()),
        "every run: ml-metadata and tensorflow-data-validation load here only when repaired; "
        "repair them with: rm -rf .venv && make setup",
    )
