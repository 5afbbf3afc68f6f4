"""Runs jobs side by side, in worker processes that each run many.

A worker that dies fails its own job alone, Ctrl-C lets busy workers close what they have open, and
workers end with the process that started them. ``concurrent.futures`` fails all jobs with the first
worker that dies, and cannot interrupt a busy one; Pebble 5.2 kills it 3 seconds after SIGTERM;
either leaves busy workers behind when it is killed. The code to change that is as long as this.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, cast

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class WorkerDied:
    """Stands for the result of a job whose worker process ended."""

    exit_code: int | None
    """Negative for a signal: -9 where memory ran out."""


class Pool(Generic[Job, Result]):
    """A fixed number of workers, started at once; one that dies is replaced.

    Args:
      size: the number of workers.
      work: yields the result of each job in turn. Workers import it by its name.
    """

    def __init__(self, size: int, work: Callable[[Iterator[Job]], Iterator[Result]]) -> None:
        # A forked worker would have TensorFlow's locks without the threads that release them.
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._processes: dict[Connection, BaseProcess] = {}
        self._busy: dict[Connection, Job] = {}
        self._idle = [self._start_worker() for _ in range(size)]

    def run(
        self, jobs: Iterable[Job], on_start: Callable[[Job], None]
    ) -> Iterator[tuple[Job, Result | WorkerDied]]:
        """Yields each job with its result, in the order in which they end.

        Args:
          jobs: in the order in which they start.
          on_start: called with each job when it starts.
        """
        waiting = deque(jobs)
        while waiting or self._busy:
            while waiting and self._idle:
                pipe, job = self._idle.pop(), waiting.popleft()
                self._busy[pipe] = job
                with contextlib.suppress(BrokenPipeError):  # a dead worker: noticed below
                    pipe.send(job)
                on_start(job)
            for pipe in cast(list[Connection], connection.wait(list(self._busy))):
                job = self._busy.pop(pipe)
                result: Result | WorkerDied
                try:
                    result = pipe.recv()
                    self._idle.append(pipe)
                except EOFError:
                    process = self._processes.pop(pipe)
                    process.join()
                    result = WorkerDied(process.exitcode)
                    self._idle.append(self._start_worker())
                yield job, result

    def close(self) -> None:
        """Ends the workers: interrupts the busy ones by SIGTERM, and waits for all."""
        for pipe in self._busy:
            self._processes[pipe].terminate()
        for pipe, process in self._processes.items():
            pipe.close()
            process.join()

    def _start_worker(self) -> Connection:
        pipe, workers_pipe = self._context.Pipe()
        process = self._context.Process(
            target=_run_worker, args=(workers_pipe, self._work), daemon=True
        )
        process.start()
        workers_pipe.close()  # so that the pipe ends with the worker
        self._processes[pipe] = process
        return pipe


def _run_worker(pipe: Connection, work: Callable[[Iterator[Any]], Iterator[Any]]) -> None:
    # These reach all processes of a terminal; a worker would be interrupted twice.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for result in work(_received(pipe)):
        pipe.send(result)


def _received(pipe: Connection) -> Iterator[Any]:
    with contextlib.suppress(EOFError):
        while True:
            yield pipe.recv()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 (for the type checker)
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
