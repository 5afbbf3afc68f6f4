"""Where no container engine can be started, its tests are skipped, and say why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITH_ENGINE = ROOT / ".ci" / "with_engine"

pytestmark = pytest.mark.skipif(not WITH_ENGINE.exists(), reason="needs the repository")

DAEMON = """#!/bin/sh
echo "failed to start daemon: iptables: Permission denied (you must be root)" >&2
exit 1
"""
CLIENT = """#!/bin/sh
case "$1" in
  compose | buildx) exit 0 ;;
esac
echo "Cannot connect to the Docker daemon" >&2
exit 1
"""


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """The machine has an engine that does not start; and what it says."""
    for name, text in {"docker": CLIENT, "dockerd": DAEMON}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return "Permission denied" if os.getuid() == 0 else "not root"


def skipped(*before: str) -> list[str]:
    """What pytest says of each of the images' tests that it skips."""
    tests = (sys.executable, "-m", "pytest", "tests/docker/test_compose.py", "-rs", "-q")
    done = subprocess.run(
        [*before, *tests, "-p", "no:cacheprovider"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]


def test_the_skipped_tests_have_the_engines_reason(refused):
    lines = skipped(str(WITH_ENGINE), "5m")
    assert lines
    assert all(refused in line for line in lines), lines


def test_without_the_script_they_have_what_docker_says(refused):
    lines = skipped()
    assert lines
    assert all("Cannot connect to the Docker daemon" in line for line in lines), lines
