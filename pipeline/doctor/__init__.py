"""Checks this machine: what it has, what it lacks, and what does not work without that."""

from pathlib import Path

from huberflow.pipeline.doctor import installation, machine
from huberflow.pipeline.doctor.check_result import CheckResult, results_table

__all__ = ["CheckResult", "results_table", "run_checks"]


def run_checks(workspace: Path) -> list[CheckResult]:
    """Checks the machine and this environment; takes seconds, because it imports TensorFlow.

    Args:
      workspace: the folder of the runs; it need not exist yet.
    """
    return [
        installation.check_python(),
        *map(installation.check_package, installation.PACKAGES),
        installation.check_glibc(),
        machine.check_cpus(),
        machine.check_memory(),
        machine.check_gpus(),
        machine.check_disk(workspace),
        machine.check_java(),
        *map(machine.check_program, machine.PROGRAMS),
    ]
