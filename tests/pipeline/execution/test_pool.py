"""What a sweep relies on where its trials run side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pool_work
import psutil
import pytest

from huberflow.pipeline.execution.pool import Died, Pool


def outcomes(work, tasks, size=2):
    with closing(Pool(size, pool_work.prepared, work)) as pool:
        return dict(pool.run(tasks, begun=lambda task: None))


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_every_task_has_its_outcome():
    assert outcomes(pool_work.square, range(5)) == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}


def test_tasks_run_at_the_same_time(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    assert all(outcomes(pool_work.meet, [(a, b), (b, a)]).values())


def test_a_worker_takes_one_task_after_another():
    """What it has loaded is there for all of them."""
    assert len(set(outcomes(pool_work.process, range(3), size=1).values())) == 1


def test_tasks_begin_in_order():
    begun = []
    with closing(Pool(1, pool_work.prepared, pool_work.square)) as pool:
        for task, _ in pool.run([3, 1, 2], begun.append):
            assert begun[-1] == task
    assert begun == [3, 1, 2]


def test_a_worker_that_dies_fails_its_task_alone():
    found = outcomes(pool_work.die_at_three, range(1, 6), size=1)
    assert found == {1: 1, 2: 2, 3: Died(-signal.SIGKILL), 4: 4, 5: 5}


def test_workers_end_well_when_all_is_done(tmp_path):
    with closing(Pool(2, partial(pool_work.noted, tmp_path), pool_work.square)) as pool:
        list(pool.run(range(4), begun=lambda task: None))
    names = {path.name for path in tmp_path.iterdir()}
    assert {name.replace("began", "ended") for name in names} <= names
    assert len(names) == 4


def test_an_interrupt_waits_for_those_that_close_their_books(tmp_path):
    def begun(task):
        wait_until(lambda: any(tmp_path.iterdir()))
        raise KeyboardInterrupt

    def run():
        with closing(Pool(1, pool_work.prepared, pool_work.wait_for_the_end)) as pool:
            list(pool.run([tmp_path], begun))

    with pytest.raises(KeyboardInterrupt):
        run()
    assert (tmp_path / "closed").exists()


@pytest.fixture
def running(tmp_path):
    """A program that waits for its worker; the worker's id."""
    program = (
        "import pathlib, pool_work, sys; from huberflow.pipeline.execution.pool import Pool\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(1, pool_work.prepared, pool_work.wait_for_the_end)\n"
        "    list(pool.run([pathlib.Path(sys.argv[1])], print))\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    folder = tmp_path / "waits"
    folder.mkdir()
    here = os.pathsep.join([str(Path(pool_work.__file__).parent)])
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], env={**os.environ, "PYTHONPATH": here}
    )
    wait_until(lambda: any(folder.iterdir()))
    (worker,) = folder.iterdir()
    yield process, int(worker.name)
    process.kill()
    process.wait()


def test_a_worker_ends_with_the_one_that_started_it_and_not_by_ctrl_c(running, tmp_path):
    process, worker = running
    os.kill(worker, signal.SIGINT)
    process.kill()
    process.wait()
    wait_until((tmp_path / "waits" / "closed").exists)
    wait_until(lambda: not psutil.pid_exists(worker))
