import subprocess
import sys
from contextlib import contextmanager

import pandas as pd
import pytest

from benchmarks import harness, many_trips, scale
from benchmarks.scale import Size

GIB = 2**30


def test_copies_are_alike_but_for_a_little(tmp_path):
    for copies in (1, 3):
        many_trips.write(tmp_path / f"{copies}.csv", copies)

    once, thrice = (pd.read_csv(tmp_path / f"{copies}.csv") for copies in (1, 3))
    assert (len(once), len(thrice)) == (many_trips.ROWS, 3 * many_trips.ROWS)
    pd.testing.assert_frame_equal(thrice[: many_trips.ROWS], once)
    assert len(thrice.drop_duplicates()) > 2.9 * many_trips.ROWS
    assert thrice["fare"].mean() == pytest.approx(once["fare"].mean(), rel=0.01)
    assert (thrice.isna().sum() == 3 * once.isna().sum()).all()
    assert (thrice["trip_seconds"].dropna() % 1 == 0).all()


def test_memory_is_that_of_all_processes_that_are_started_and_of_no_earlier_one():
    hold = "kept = bytearray(200 * 2**20); import time; time.sleep({seconds})"
    within = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{hold}'])"

    with _running(hold.format(seconds=600)):
        seconds, peak = scale.with_memory(lambda: _run(within.format(seconds=1)) + 1.5)

    assert seconds == 1.5
    assert 200 * 2**20 < peak < 300 * 2**20


def _run(code):
    return subprocess.run([sys.executable, "-c", code], check=True).returncode


@contextmanager
def _running(code):
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_every_size_is_run_on_its_rows_with_one_config(monkeypatch, capsys):
    ran, shown = [], []

    def timed(command, log):
        if "--data" in command:
            data = command[command.index("--data") + 1]
            with open(data) as file:
                ran.append((sum(1 for _ in file) - 1, command[command.index("--label") + 1]))
        return 2.0

    monkeypatch.setattr(scale, "COPIES", (1, 2))
    monkeypatch.setattr(harness, "timed", timed)
    monkeypatch.setattr(scale, "show", shown.extend)
    scale.run(1)

    assert ran == [(15_002, "fare"), (30_004, "fare")]
    assert [(size.rows, size.speed) for size in shown] == [(15_002, 7_501), (30_004, 15_002)]
    assert "30,004 rows: 2.0 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("full", "missed"),
    [
        (Size(1000, (10.0,), (3 * GIB,)), []),
        (Size(1000, (10.1,), (3 * GIB,)), ["rows per second"]),
        (Size(1000, (10.0,), (3 * GIB + GIB // 50,)), ["memory:"]),
        (Size(1000, (10.0,), (2 * GIB, 4 * GIB)), ["memory:", "memory for twice"]),
    ],
)
def test_the_largest_is_compared_with_the_goals(full, missed, capsys):
    scale.show([Size(10, (1.0,), (GIB,)), Size(500, (5.0,), (3 * GIB,)), full])

    lines = [line for line in capsys.readouterr().out.splitlines() if "missed" in line]
    assert len(lines) == len(missed)
    assert all(line.startswith(start) for line, start in zip(lines, missed, strict=True))
