"""Jobs in worker processes: what a sweep relies on where its trials run side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pool_work
import psutil
import pytest

from huberflow.pipeline.execution.pool import Pool, WorkerDied


def results(work, jobs, size=2, on_start=lambda job: None):
    with closing(Pool(size, work)) as pool:
        return dict(pool.run(jobs, on_start))


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_every_job_has_its_result():
    assert results(pool_work.square, range(5)) == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}


def test_jobs_run_at_the_same_time(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    assert all(results(pool_work.meet, [(a, b), (b, a)]).values())


def test_one_worker_runs_many_jobs_in_order():
    """What it has loaded is there for all of them."""
    started = []
    found = results(pool_work.process_id, [3, 1, 2], size=1, on_start=started.append)
    assert started == list(found) == [3, 1, 2]
    assert len(set(found.values())) == 1


def test_a_worker_that_dies_fails_its_own_job_alone():
    found = results(pool_work.die_at_three, range(1, 6), size=1)
    assert found == {1: 1, 2: 2, 3: WorkerDied(-signal.SIGKILL), 4: 4, 5: 5}


def test_workers_come_to_their_end_when_all_is_done(tmp_path):
    results(pool_work.leave_files, [tmp_path], size=1)
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"began", "ended"}


def test_an_interrupt_waits_for_those_that_close_what_they_have_open(tmp_path):
    def on_start(job):
        wait_until(lambda: any(tmp_path.iterdir()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results(pool_work.wait_for_the_end, [tmp_path], size=1, on_start=on_start)
    assert (tmp_path / "closed").exists()


@pytest.fixture
def running(tmp_path):
    """A program that waits for its worker; the worker's id."""
    program = (
        "import pathlib, pool_work, sys; from huberflow.pipeline.execution.pool import Pool\n"
        "if __name__ == '__main__':\n"
        "    pool = Pool(1, pool_work.wait_for_the_end)\n"
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
