"""A run whose terminal is lost, or whose output nobody reads any more."""

import json
import os
import shlex
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from taxi_workspace import HUBERFLOW

pytestmark = pytest.mark.e2e


@pytest.fixture
def command(tmp_path):
    """A run on a small table, in a workspace of its own."""
    rows = "".join(f"{number % 50},{2 * number % 7}\n" for number in range(200))
    (tmp_path / "table.csv").write_text(f"x,y\n{rows}")
    settings = ("training.epochs=1", "evaluation.must_beat_constant=false")
    options = [f"--set={each}" for each in (*settings, "tracking.enabled=false")]
    return [HUBERFLOW, "run", "--data=table.csv", "--label=y", *options]


def journal(folder: Path) -> str:
    """What the only run has recorded."""
    return "".join(path.read_text() for path in folder.glob("workspace/journal/*.jsonl"))


def status(folder: Path) -> str:
    """How the only run has ended, by its journal."""
    last = json.loads(journal(folder).splitlines()[-1])
    assert last["event"] == "ended", last
    return last["status"]


def test_a_pipe_that_is_closed_ends_it_without_a_word(command, tmp_path):
    line = f"{shlex.join(map(str, command))} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 1
    assert done.returncode == 1
    assert all("huberflow: " in each for each in done.stderr.splitlines()), done.stderr
    assert "pipe" not in done.stderr.lower()
    assert status(tmp_path) == "interrupted"


@pytest.mark.parametrize(("before", "end"), [((), "interrupted"), (("nohup",), "done")])
def test_a_lost_terminal_interrupts_it_except_under_nohup(command, tmp_path, before, end):
    here, terminal = os.openpty()
    streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    process = subprocess.Popen(["setsid", "--ctty", *before, *command], cwd=tmp_path, **streams)
    os.close(terminal)
    while "node_started" not in journal(tmp_path):
        assert process.poll() is None
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    os.close(here)
    code = process.wait(timeout=300)
    assert code == (0 if before else 130)
    assert status(tmp_path) == end
    assert not psutil.wait_procs(children, timeout=20)[1]
