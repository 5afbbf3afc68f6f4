"""Examines this machine: what is there, what is not, and what the lack of it prevents."""

from pathlib import Path

from huberflow.pipeline.doctor import installation, machine
from huberflow.pipeline.doctor.finding import Finding, render

__all__ = ["Finding", "examine", "render"]


def examine(workspace: Path) -> list[Finding]:
    """Examines the machine and this environment; takes seconds, for TensorFlow is imported.

    Args:
      workspace: the folder that runs write to; it need not exist yet.
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
        machine.check_containers(),
        machine.check_compiler(),
        machine.check_git(),
    ]
