"""Python without docstrings: tf_keras and Beam cannot be imported, and that is said in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HUBERFLOW = Path(sys.executable).with_name("huberflow")
NAMES = ("HuberLoss", "load", "save_bundle", "MlflowDagRunner")


def run(*command, optimize):
    environment = {**os.environ, "PYTHONOPTIMIZE": optimize, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    "arguments", [("run",), ("verify", "model"), ("config",), ("doctor",), ("--help",)]
)
def test_a_command_is_refused_in_one_line(arguments):
    done = run(HUBERFLOW, *arguments, optimize="2")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("huberflow: Python: expected Python with docstrings")
    assert line.endswith("write: export PYTHONOPTIMIZE=1")


def test_without_assertions_a_command_runs():
    assert run(HUBERFLOW, "config", optimize="1").returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_needs(name):
    """Except a loader, which imports no tf_keras before it is called."""
    code = f"import huberflow; huberflow.{name}"
    done = run(sys.executable, "-c", code, optimize="2")
    if name == "load":
        assert done.returncode == 0
        return
    *_, last = done.stderr.splitlines()
    assert last.startswith(f"ImportError: huberflow.{name}: expected Python with docstrings")
