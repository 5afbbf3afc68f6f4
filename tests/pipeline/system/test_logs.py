"""Output to the log and to the terminal, each in a new process: pytest replaces stdout."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

NOISE = """
import logging, os, subprocess, sys, warnings
from pathlib import Path
from huberflow.pipeline.system.logs import captured

def noise(when):
    print(f"print {when}")
    print(f"complaint {when}", file=sys.stderr)
    os.write(1, f"C++ stdout {when}\\n".encode())
    os.write(2, f"C++ stderr {when}\\n".encode())
    subprocess.run(["echo", f"child {when}"])
    logging.getLogger("tfx").info(f"info {when}")
    warnings.warn(f"warning {when}")

log = Path("logs/run.log")
"""
SOURCES = ("print", "complaint", "C++ stdout", "C++ stderr", "child", "info", "warning")


@dataclass(frozen=True)
class Seen:
    out: str
    err: str
    log: str


@pytest.fixture
def seen(tmp_path):
    """Runs a script; what came on stdout, on stderr and into the log."""

    def seen(script: str) -> Seen:
        done = subprocess.run(
            [sys.executable, "-c", NOISE + textwrap.dedent(script)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return Seen(done.stdout, done.stderr, (tmp_path / "logs" / "run.log").read_text())

    return seen


class TestQuiet:
    @pytest.fixture
    def run(self, seen):
        return seen("""
            with captured(log, verbose=False) as terminal:
                noise("during")
                terminal.write("shown\\n")
            noise("after")
        """)

    def test_all_output_goes_to_the_log_and_the_stream_to_the_terminal(self, run):
        for source in SOURCES:
            assert run.log.count(f"{source} during") == 1
            assert f"{source} during" not in run.out + run.err
        assert run.out.splitlines()[0] == "shown"
        assert "shown" not in run.log
        assert " INFO tfx: info during\n" in run.log
        assert " WARNING py.warnings: " in run.log

    def test_stdout_and_stderr_are_as_before_afterwards(self, run):
        assert all(f"{source} after" in run.out for source in ("print", "C++ stdout", "child"))
        assert all(
            f"{source} after" in run.err for source in ("complaint", "C++ stderr", "warning")
        )
        assert "after" not in run.log


class TestAfterAnException:
    def test_everything_is_as_before(self, seen):
        run = seen("""
            root = logging.getLogger()
            before = list(root.handlers), root.level
            try:
                with captured(log, verbose=False):
                    noise("during")
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                assert (root.handlers, root.level) == before
                noise("after")
                open_files = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 4
                print("open", open_files)
        """)
        assert "during" not in run.out + run.err
        assert "after" not in run.log
        assert "Traceback" not in run.err
        assert "open 4\n" in run.out, "a file descriptor was left open"

    def test_the_traceback_reaches_the_terminal(self, seen):
        run = seen("""
            with captured(log, verbose=False):
                raise ZeroDivisionError("boom")
        """)
        assert run.err.endswith("ZeroDivisionError: boom\n")


def test_a_verbose_log_leaves_everything_on_the_terminal(seen):
    run = seen("""
        with captured(log, verbose=True) as terminal:
            noise("during")
            print("shown", file=terminal)
        noise("after")
    """)
    assert all(f"{source} during" in run.out + run.err for source in SOURCES)
    assert all(f"{source} during" in run.log for source in ("info", "warning"))
    assert "shown" in run.out


class TestLog:
    def test_is_appended_to(self, seen):
        run = seen("""
            for time in ("first", "second"):
                with captured(log, verbose=False):
                    noise(time)
        """)
        assert run.log.index("print first") < run.log.index("print second")

    def test_has_a_line_as_soon_as_it_is_logged(self, seen):
        run = seen("""
            with captured(log, verbose=False) as terminal:
                logging.getLogger("tfx").info("now")
                terminal.write(f"{'now' in log.read_text()}")
        """)
        assert run.out == "True"

    def test_keeps_what_no_terminal_could_show(self, seen):
        assert (
            "größe"
            in seen("""
            with captured(log, verbose=False):
                logging.getLogger("tfx").info("größe")
        """).log
        )


FULL_DISK = """
import sys
from pathlib import Path
from huberflow.pipeline.system.logs import captured

try:
    with captured(Path("/dev/full"), verbose=False):
        print("to the log")
        raise OSError(28, "No space left on device")
except OSError as error:
    sys.exit(error.strerror)
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_leaves_the_terminal_as_it_was(tmp_path):
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    script = [sys.executable, "-c", FULL_DISK]
    done = subprocess.run(script, env=buffered, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No space left on device\n"


LOSE_TERMINAL = """
import os, pty
from pathlib import Path
from huberflow.pipeline.system.logs import captured

keyboard, screen = pty.openpty()
os.dup2(screen, 1)
os.close(screen)
with captured(Path("run.log"), verbose=False) as terminal:
    assert terminal.isatty()
    terminal.write("shown\\n")
    os.read(keyboard, 100)
    os.close(keyboard)
    terminal.write("lost\\n")
    terminal.flush()
    print("to the log")
"""


def test_a_lost_terminal_takes_no_run_with_it(tmp_path):
    """As under nohup, or where a run unwinds because its terminal is lost."""
    script = [sys.executable, "-c", LOSE_TERMINAL]
    done = subprocess.run(script, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run.log").read_text() == "to the log\n"


def test_what_a_failed_call_held_prints_into_the_log_when_it_is_deleted(seen):
    """As TensorFlow's iterators do, for as long as somebody keeps the error."""
    found = seen("""
        class Iterator:
            def __del__(self):
                os.write(2, b"not fully read")

        def train():
            rows = Iterator()
            raise ValueError("no rows")

        kept = []
        try:
            with captured(log, verbose=False):
                train()
        except ValueError as error:
            kept.append(error)
        os.write(2, b"the end")
    """)
    assert found.err == "the end"
    assert "not fully read" in found.log
