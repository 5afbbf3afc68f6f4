"""Where no container engine can be started, its tests are skipped, and say why."""

import os
import re
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


@pytest.fixture(autouse=True)
def _refused(tmp_path, monkeypatch):
    """The machine has an engine that does not start."""
    for name, text in {"docker": CLIENT, "dockerd": DAEMON}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("NO_CONTAINER_ENGINE", raising=False)


def attempt(*before: str) -> tuple[str, list[str]]:
    """What running the images' tests prints, and what pytest says of each that it skips."""
    tests = (sys.executable, "-m", "pytest", "tests/docker/test_compose.py", "-rs", "-q")
    done = subprocess.run(
        [*before, *tests, "-p", "no:cacheprovider"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert skipped
    return done.stdout, skipped


def test_the_skipped_tests_have_the_engines_reason():
    printed, skipped = attempt(str(WITH_ENGINE), "5m")
    [reason] = re.findall(r"^== no container engine, .*: (.+)$", printed, re.MULTILINE)
    assert "Permission denied" in reason or "root" in reason or "GB" in reason
    assert all(reason in line for line in skipped), skipped


def test_without_the_script_they_have_what_docker_says():
    _, skipped = attempt()
    assert all("Cannot connect to the Docker daemon" in line for line in skipped), skipped
