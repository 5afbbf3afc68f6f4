"""The injector strikes exactly what its plan says."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from faults import injector
from faults.injector import Kind, Plan, Role

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

FIVE = ["mkdir", "open", "write", "fsync", "rename"]
FIVE_CHANGES = """
import os, time
os.mkdir("folder")
with open("folder/file", "wb", buffering=0) as file:
    print(file.write(bytes(10)), flush=True)
    os.fsync(file.fileno())
os.rename("folder/file", "folder/other")
print(time.time())
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return injector.compiled(tmp_path_factory.mktemp("injector"))


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "place").mkdir()
    return Plan(tmp_path / "plan", tmp_path / "place", tmp_path / "trace")


@pytest.fixture
def run(library, plan, tmp_path):
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command or (sys.executable, "-c", FIVE_CHANGES),
            cwd=tmp_path / "place",
            env={**os.environ, **plan.variables, "LD_PRELOAD": str(library)},
            capture_output=True,
            text=True,
        )

    return run


def calls(tmp_path) -> list[str]:
    lines = (tmp_path / "trace").read_text().splitlines()
    return [line.split()[2].removesuffix("64") for line in lines]


class TestChanges:
    def test_are_counted_in_the_place_and_nowhere_else(self, run, plan, tmp_path):
        assert run().returncode == 0
        assert calls(tmp_path) == FIVE
        assert list(plan.shared.seen) == [5, 0, 0]
        assert not plan.struck

    def test_of_programs_in_c_count_too(self, run, plan, tmp_path):
        assert run("cp", "/etc/passwd", "copy").returncode == 0
        assert calls(tmp_path)[0] in ("open", "openat")

    def test_may_count_from_an_event_in_the_journal_on(self, run, plan):
        plan.strike(Kind.FAIL_ONCE, 2, since=("node_started", "Trainer"), error=errno.EIO)
        script = """
import os
for node in ("Transform", "Trainer"):
    with open("journal", "ab", buffering=0) as file:
        file.write(b'{"event": "node_started", "time": 1, "node": "%s"}' % node.encode())
    os.mkdir(f"{node}-1")
    os.mkdir(f"{node}-2")
"""
        done = run(sys.executable, "-c", script)
        assert done.stderr.endswith("[Errno 5] Input/output error: 'Trainer-2'\n")


class TestAFault:
    @pytest.mark.parametrize("at", range(1, 6))
    def test_kills_before_the_change(self, run, plan, tmp_path, at):
        plan.strike(Kind.KILL, at)
        assert run().returncode == -signal.SIGKILL
        assert calls(tmp_path) == FIVE[:at]
        assert plan.change.split()[0].removesuffix("64") == FIVE[at - 1]

    @pytest.mark.parametrize("at", range(1, 6))
    def test_is_an_error_of_the_call(self, run, plan, at):
        plan.strike(Kind.FAIL_ONCE, at, error=errno.EIO)
        done = run()
        assert done.returncode == 1
        assert "[Errno 5] Input/output error" in done.stderr

    def test_of_one_change_leaves_the_later_ones(self, run, plan):
        plan.strike(Kind.FAIL_ONCE, 1, error=errno.EROFS)
        assert run("sh", "-c", "mkdir one; mkdir two && ls").stdout == "two\n"

    def test_may_stay(self, run, plan):
        plan.strike(Kind.FAIL_FROM_HERE, 1, error=errno.EROFS)
        assert run("sh", "-c", "mkdir one; mkdir two; ls").stdout == ""

    def test_of_a_full_disk_meets_only_what_takes_space(self, run, plan, tmp_path):
        (tmp_path / "place" / "old").touch()
        plan.strike(Kind.FAIL_FROM_HERE, 1, error=errno.ENOSPC)
        assert run("sh", "-c", "rm old; mkdir new; ls").stdout == ""

    def test_writes_half(self, run, plan, tmp_path):
        plan.strike(Kind.SHORT, 3)
        assert run().stdout.startswith("5\n")
        assert (tmp_path / "place" / "folder" / "other").stat().st_size == 5

    def test_turns_the_clock_back(self, run, plan):
        plan.strike(Kind.CLOCK, 5, seconds=-86400)
        then = float(run().stdout.split()[1])
        assert then - time.time() == pytest.approx(-86400, abs=600)

    def test_leaves_processes_of_another_role(self, run, plan):
        plan.strike(Kind.KILL, 1, Role.DELIVERY)
        assert run().returncode == 0
